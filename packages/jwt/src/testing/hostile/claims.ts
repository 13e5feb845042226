import type { VerifyErrorCode } from '../../errors.js'
import type { Forge, HostileToken } from './forge.js'

type Spoilt = readonly [claim: string, value: unknown, code: VerifyErrorCode]

const missing = 'COFFER_JWT_CLAIM_MISSING'
const invalid = 'COFFER_JWT_CLAIM_INVALID'
const unknown = 'COFFER_JWT_ISSUER_UNKNOWN'

/** Claims of an authentic token that are absent, mistyped or for somebody else. */
export async function claimTokens({ issuer, header, claims, hostile }: Forge): Promise<readonly HostileToken[]> {
  const spoilt: readonly Spoilt[] = [
    ['iss', undefined, unknown],
    ['iss', null, unknown],
    ['iss', [issuer.issuer], unknown],
    ['iss', `${issuer.issuer}/`, unknown],
    ['iss', issuer.issuer.toUpperCase(), unknown],
    ['iss', 'constructor', unknown],
    ['sub', undefined, missing],
    ['sub', '', invalid],
    ['sub', 1, invalid],
    ['sub', null, invalid],
    ['client_id', undefined, missing],
    ['client_id', '', invalid],
    ['client_id', ['client-1'], invalid],
    ['jti', undefined, missing],
    ['jti', '', invalid],
    ['jti', 'j'.repeat(257), invalid],
    ['aud', undefined, missing],
    ['aud', null, invalid],
    ['aud', '', invalid],
    ['aud', [], invalid],
    ['aud', [issuer.audience, 1], invalid],
    ['aud', [issuer.audience, ''], invalid],
    ['aud', { 0: issuer.audience }, invalid],
    ['aud', Array(65).fill(issuer.audience), invalid],
    ['aud', 'https://other.test', 'COFFER_JWT_AUDIENCE_MISMATCH'],
    ['aud', `${issuer.audience}/`, 'COFFER_JWT_AUDIENCE_MISMATCH'],
    ['aud', [`${issuer.audience}.other.test`], 'COFFER_JWT_AUDIENCE_MISMATCH'],
    ['scope', ['a'], invalid],
    ['scope', '', invalid],
    ['scope', 'a  b', invalid],
    ['scope', ' a', invalid],
    ['scope', 'a\nb', invalid],
    ['scope', 'a"b', invalid],
    ['sid', '', invalid],
    ['sid', 1, invalid],
    ['sid', 's'.repeat(257), invalid],
    ['acr', 1, invalid],
    ['amr', 'pwd', invalid],
    ['amr', [1], invalid],
    ['auth_time', 'now', invalid],
  ]
  return Promise.all(
    spoilt.map(async ([claim, value, code], i) =>
      hostile(
        `${claim} #${i} ${(JSON.stringify(value) ?? 'missing').slice(0, 32)}`,
        await issuer.sign(header(), claims({ [claim]: value })),
        code,
      ),
    ),
  )
}
