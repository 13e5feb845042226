import { assertOptions, checkOneOf } from './check-options.js'

/** Members that an issuer may be allowed to leave out. */
export type Relaxable = 'aud' | 'client_id' | 'jti' | 'iat' | 'kid'
/** Header types that a profile may accept; `absent` is a header without `typ`. */
export type AcceptedType = 'at+jwt' | 'JWT' | 'absent'

/** What a profile asks of a token, read by the verifier. */
export interface ProfileRules {
  readonly typ: ReadonlySet<AcceptedType>
  readonly allowMissing: ReadonlySet<Relaxable>
  readonly scopeClaim: 'scope' | 'scp'
}

/** Key of the rules inside a profile; not exported from the package, so that a profile is opaque. */
export const profileRules: unique symbol = Symbol('coffer.jwt.profile')

/** What a token of an issuer must look like. Opaque: made by {@link relaxedAccessToken}. */
export interface Profile<Missing extends Relaxable = never> {
  readonly [profileRules]: ProfileRules & { readonly missing?: Missing }
}

/** RFC 9068 as it stands. */
export const accessTokenProfile: Profile = Object.freeze({
  [profileRules]: {
    typ: new Set<AcceptedType>(['at+jwt']),
    allowMissing: new Set<Relaxable>(),
    scopeClaim: 'scope' as const,
  },
})

/** What {@link relaxedAccessToken} relaxes; what is not named stays as in RFC 9068. */
export interface RelaxedAccessTokenOptions<M extends Relaxable> {
  /** Members that may be missing. Default: none. `aud` also needs `audience: null`. */
  readonly allowMissing?: readonly M[]
  /** Values of the header's `typ` that are accepted. Default: `['at+jwt']`. */
  readonly typ?: readonly AcceptedType[]
  /** The claim that holds the scope: `scp` may be a string or a list of strings. Default: `scope`. */
  readonly scopeClaim?: 'scope' | 'scp'
}

const relaxable = ['aud', 'client_id', 'jti', 'iat', 'kid'] as const

/**
 * RFC 9068 with named relaxations, for one issuer that does not follow it. Each re-opens something:
 * `typ: ['JWT']` lets other JWTs of that issuer be taken for access tokens (ID tokens, logout tokens and the like are
 * still told apart by their claims); without `client_id` or `jti` a revocation by client or token does not reach them;
 * without `iat` any issued-before revocation refuses them whole, their lifetime is judged by what is left of it, and one
 * that lives longer than a revocation is kept passes again at its end.
 *
 * @throws {TypeError} An unknown or mistyped option.
 */
export function relaxedAccessToken<const M extends Relaxable = never>(
  options: RelaxedAccessTokenOptions<M>,
): Profile<M> {
  assertOptions(options, 'relaxedAccessToken', ['allowMissing', 'typ', 'scopeClaim'])
  const { allowMissing = [], typ = ['at+jwt'], scopeClaim = 'scope' } = options
  if (!Array.isArray(allowMissing)) throw new TypeError('allowMissing must be a list')
  if (!Array.isArray(typ) || typ.length === 0) throw new TypeError('typ must be a non-empty list')
  const rules: ProfileRules = {
    typ: new Set(typ.map((one: unknown) => checkOneOf(one, 'typ[]', ['at+jwt', 'JWT', 'absent']))),
    allowMissing: new Set(allowMissing.map((one: unknown) => checkOneOf(one, 'allowMissing[]', relaxable))),
    scopeClaim: checkOneOf(scopeClaim, 'scopeClaim', ['scope', 'scp']),
  }
  return Object.freeze({ [profileRules]: rules })
}
