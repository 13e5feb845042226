import { JwtError } from './errors.js'
import type { AcceptedType } from './profile.js'
import { type JsonObject, member } from './strict-json.js'

/** What of a JOSE header decides. */
export interface Header {
  readonly alg: string | undefined
  readonly kid: string | undefined
  /** The media type it declares; undefined is another one. */
  readonly typ: AcceptedType | undefined
}

/**
 * Members that change what the token is, or where its key comes from (RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797):
 * with any value they are refused, and nothing they point at is fetched.
 */
const refused = [
  'crit',
  'jku',
  'jwk',
  'x5u',
  'x5c',
  'b64',
  'zip',
  'cty',
  'enc',
  'epk',
  'apu',
  'apv',
  'iv',
  'tag',
  'p2s',
  'p2c',
] as const

/** Longest `kid` that is looked up. */
const maxKid = 256

/** Reads a strictly parsed header. Members it does not know are ignored (RFC 7515 §4). */
export function readHeader(members: JsonObject): Header {
  for (const name of refused) {
    if (Object.hasOwn(members, name)) throw new JwtError('COFFER_JWT_HEADER_REFUSED')
  }
  const alg = member(members, 'alg')
  return {
    alg: typeof alg === 'string' ? alg : undefined,
    kid: readKid(members),
    typ: Object.hasOwn(members, 'typ') ? readType(member(members, 'typ')) : 'absent',
  }
}

function readKid(members: JsonObject): string | undefined {
  if (!Object.hasOwn(members, 'kid')) return undefined
  const kid = member(members, 'kid')
  if (typeof kid === 'string' && kid !== '' && kid.length <= maxKid) return kid
  throw new JwtError('COFFER_JWT_HEADER_REFUSED')
}

/** `typ` is compared without ASCII case, with or without `application/` (RFC 7515 §4.1.9, RFC 9068 §4). */
function readType(typ: unknown): AcceptedType | undefined {
  if (typeof typ !== 'string') return undefined
  switch (typ.toLowerCase()) {
    case 'at+jwt':
    case 'application/at+jwt':
      return 'at+jwt'
    case 'jwt':
    case 'application/jwt':
      return 'JWT'
    default:
      return undefined
  }
}
