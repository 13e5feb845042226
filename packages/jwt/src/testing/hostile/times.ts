import type { VerifyErrorCode } from '../../errors.js'
import type { Forge, HostileToken } from './forge.js'

const expired = 'COFFER_JWT_EXPIRED'
const early = 'COFFER_JWT_NOT_YET_VALID'
const invalid = 'COFFER_JWT_CLAIM_INVALID'
const missing = 'COFFER_JWT_CLAIM_MISSING'
const long = 'COFFER_JWT_LIFETIME_EXCEEDED'

/** Tokens out of their time, by a wide margin, so that no usual tolerance lets them in. */
export async function timeTokens({ issuer, now, header, claims, hostile }: Forge): Promise<readonly HostileToken[]> {
  const spoilt: readonly (readonly [id: string, claims: Readonly<Record<string, unknown>>, code: VerifyErrorCode])[] = [
    ['expired an hour ago', { iat: now - 7_200, exp: now - 3_600 }, expired],
    ['expired ten minutes ago', { iat: now - 1_200, exp: now - 600 }, expired],
    ['expired at the epoch', { iat: 0, exp: 1 }, expired],
    ['not before next hour', { nbf: now + 3_600 }, early],
    ['not before in ten minutes', { nbf: now + 590 }, early],
    ['issued next hour', { iat: now + 3_600, exp: now + 3_700 }, early],
    ['issued in ten minutes', { iat: now + 600, exp: now + 700 }, early],
    ['exp missing', { exp: undefined }, missing],
    ['iat missing', { iat: undefined }, missing],
    ['exp a string', { exp: String(now + 600) }, invalid],
    ['exp null', { exp: null }, invalid],
    ['exp true', { exp: true }, invalid],
    ['exp a list', { exp: [now + 600] }, invalid],
    ['exp negative', { exp: -1 }, invalid],
    ['exp at iat', { exp: now, iat: now }, invalid],
    ['exp before iat', { exp: now + 10, iat: now + 20 }, invalid],
    ['iat a string', { iat: String(now) }, invalid],
    ['iat negative', { iat: -now }, invalid],
    ['nbf a string', { nbf: '0' }, invalid],
    ['nbf negative', { nbf: -1 }, invalid],
    ['good for two days', { exp: now + 172_800 }, long],
    ['good for ten years', { exp: now + 315_360_000 }, long],
    ['exp in milliseconds', { exp: (now + 600) * 1_000 }, long],
    ['iat at the epoch', { iat: 0 }, long],
  ]
  return Promise.all(
    spoilt.map(async ([id, changes, code]) => hostile(id, await issuer.sign(header(), claims(changes)), code)),
  )
}
