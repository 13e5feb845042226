import {
  type CheckOptions,
  type CheckResult,
  createVerifier,
  type KeySource,
  relaxedAccessToken,
  type VerifiedToken,
  type VerifyErrorCode,
} from '@coffer/jwt'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'

declare const keys: KeySource
const base = { issuer: 'https://id.example', audience: 'https://api.example', algorithms: ['ES256'], keys } as const

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<T extends true>(): T | undefined {
  return undefined
}

const strict = createVerifier({ issuers: [base] })
type Strict = ReturnType<typeof strict.verifySync>
holds<Equal<Strict['clientId'], string>>()
holds<Equal<Strict['jti'], string>>()
holds<Equal<Strict['issuedAt'], number>>()

const withZod = createVerifier({ issuers: [{ ...base, claims: z.object({ tenant: z.string() }) }] })
holds<Equal<ReturnType<typeof withZod.verifySync>['claims'], { tenant: string }>>()
const withValibot = createVerifier({ issuers: [{ ...base, claims: v.object({ tenant: v.string() }) }] })
holds<Equal<ReturnType<typeof withValibot.verifySync>['claims'], { tenant: string }>>()
const withArktype = createVerifier({ issuers: [{ ...base, claims: type({ tenant: 'string' }) }] })
holds<Equal<ReturnType<typeof withArktype.verifySync>['claims'], { tenant: string }>>()

const relaxed = createVerifier({ issuers: [{ ...base, profile: relaxedAccessToken({ allowMissing: ['client_id'] }) }] })
type Relaxed = ReturnType<typeof relaxed.verifySync>
holds<Equal<Relaxed['clientId'], string | undefined>>()
holds<Equal<Relaxed['jti'], string>>()

declare function handler(token: VerifiedToken): void
declare const result: CheckResult<Strict>
if (result.ok) handler(result.token)
else holds<Equal<typeof result.error.code, VerifyErrorCode>>()

// @ts-expect-error nothing but a verifier makes a verified token
handler({
  issuer: 'x',
  subject: 'x',
  audience: [],
  scope: [],
  clientId: 'x',
  jti: 'x',
  issuedAt: 0,
  expiresAt: 0,
  sessionId: undefined,
  algorithm: 'ES256',
  kid: 'k',
  claims: { iss: 'x', sub: 'x', exp: 0 },
})
// @ts-expect-error the result of a refusal has no token
if (!result.ok) handler(result.token)
// @ts-expect-error an audience is required
createVerifier({ issuers: [{ issuer: 'x', algorithms: ['ES256'], keys }] })
// @ts-expect-error algorithms are required
createVerifier({ issuers: [{ issuer: 'x', audience: 'y', keys }] })
// @ts-expect-error HMAC is not on offer
createVerifier({ issuers: [{ ...base, algorithms: ['HS256'] }] })
declare const asynchronous: {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'test'
    readonly validate: (value: unknown) => Promise<{ readonly value: { readonly tenant: string } }>
  }
}
// @ts-expect-error a token is judged at once: a schema that only answers later is none
createVerifier({ issuers: [{ ...base, claims: asynchronous }] })
// @ts-expect-error a JWKS is no key source
createVerifier({ issuers: [{ ...base, keys: { keys: [] } }] })
// @ts-expect-error a profile that lets more be missing gives other tokens
strict.replaceIssuers([{ ...base, profile: relaxedAccessToken({ allowMissing: ['jti'] }) }])
strict.replaceIssuers([base])

// @ts-expect-error a table of statuses without one code does not compile
const statuses = { COFFER_JWT_EXPIRED: 401 } satisfies Record<VerifyErrorCode, number>

export { statuses }

declare const looked: ReadonlyMap<string, CheckOptions>
// @ts-expect-error options that were looked up and not found would ask for nothing
void strict.check({ headers: {} }, looked.get('route'))
