import { inspect } from 'node:util'
import { createRevocationIndex, createVerifier, remoteKeys, staticKeys } from '@coffer/jwt'
import { createIssuer, createKeyRing, memoryKeyRingStore, memoryRefreshStore } from '@coffer/jwt/issue'
import { fakeIssuer, hostileTokens } from '@coffer/jwt/testing'
import { expect, test } from 'vitest'
import { gcmSealer, grant, issuing, refreshTokenOf } from './issue/support.js'
import { accessToken, clockAt, issuer, issuerOf, start, testKey } from './support.js'

const canary = 'canary-8f14e45fceea167a'

/** Every way a value can hide in text: plain, hex, base64 in its three alignments, base64url. */
function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text)
  const aligned = [0, 1, 2].map((pad) =>
    Buffer.concat([Buffer.alloc(pad), bytes])
      .toString('base64')
      .slice(pad === 0 ? 0 : 4, -4),
  )
  return [
    text,
    bytes.toString('hex'),
    ...aligned,
    ...aligned.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
  ]
}

function shown(value: unknown): string {
  const json = (): string => {
    try {
      return JSON.stringify(value, Object.getOwnPropertyNames(Object(value))) ?? ''
    } catch {
      return ''
    }
  }
  const stack = value instanceof Error ? `${value.stack}${String(value.cause)}` : ''
  return `${inspect(value, { showHidden: true, depth: 20 })}${json()}${stack}${String(value)}`
}

function expectClean(value: unknown, secrets: readonly string[]): void {
  const text = shown(value)
  for (const secret of secrets)
    for (const form of formsOf(secret)) if (text.includes(form)) expect.unreachable(`${form} is shown`)
}

async function thrown(call: () => unknown): Promise<unknown> {
  try {
    await call()
  } catch (error) {
    return error
  }
  throw new Error('was accepted')
}

test('no refusal shows a token, a claim or a header value', async () => {
  const key = testKey('ES256')
  const verifier = createVerifier({ issuers: [issuerOf(key)], clock: clockAt(start) })
  const claims = [
    'iss',
    'sub',
    'aud',
    'client_id',
    'jti',
    'scope',
    'sid',
    'acr',
    'amr',
    'exp',
    'iat',
    'nbf',
    'auth_time',
    'cnf',
  ]
  for (const claim of claims) {
    for (const value of [`${canary}  ${canary}`, { [canary]: canary }, [canary, 1], canary.repeat(20)]) {
      const token = accessToken(key, { [claim]: value, x: canary })
      const error = await thrown(() => verifier.verifySync(claim === 'sub' ? token.slice(0, -3) : token)).catch(
        () => undefined,
      )
      if (error !== undefined) expectClean(error, [canary, ...token.split('.')])
    }
  }
  for (const member of ['alg', 'kid', 'typ', 'jku', 'crit', 'jwk']) {
    const token = accessToken(key, {}, { [member]: [canary] })
    expectClean(await thrown(() => verifier.verifySync(token)), [canary, ...token.split('.')])
  }
  expectClean(verifier, [canary])
  expectClean(verifier.stats(), [canary])
})

test('no hostile token is shown by its refusal', async () => {
  const fake = await fakeIssuer()
  const hostile = await hostileTokens(fake, { include: 'all' })
  const verifier = createVerifier({
    issuers: [{ issuer: fake.issuer, audience: fake.audience, algorithms: ['ES256'], keys: fake.keys() }],
  })
  for (const { token } of hostile) {
    const parts = token.split('.').filter((part) => part.length > 20 && part.length < 10_000)
    const text = shown(await thrown(() => verifier.verify(token)))
    for (const part of parts) if (text.includes(part)) expect.unreachable('a part is shown')
  }
})

test('a schema’s own message and issues do not pass through', async () => {
  const key = testKey('ES256')
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => ({ issues: [{ message: canary, path: [canary.repeat(5)] }] }),
    },
  } as const
  const throwing = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: () => {
        throw new Error(canary)
      },
    },
  } as const
  for (const claims of [schema, throwing]) {
    const verifier = createVerifier({ issuers: [{ ...issuerOf(key), claims }], clock: clockAt(start) })
    const error = await thrown(() => verifier.verifySync(accessToken(key)))
    expect(error).toMatchObject({ code: 'COFFER_JWT_CLAIM_INVALID', claim: 'claims', reason: 'schema' })
    expectClean(error, [canary])
  }
})

test('nothing that a key source, store, sealer or feed throws is passed on', async () => {
  const key = testKey('ES256')
  const clock = clockAt(start)
  const failing = () => Promise.reject(Object.assign(new Error(canary), { canary }))
  const keys = remoteKeys('https://id.fincode.example/jwks', { fetch: failing, clock, timers: null })
  const { ring, revocation } = await issuing()
  const store = { create: failing, rotate: failing, read: failing, revoke: failing }
  const tokens = createIssuer({ issuer, keys: ring, revocation, refresh: { store, secret: new Uint8Array(32) } })
  const index = createRevocationIndex({
    onUnavailable: 'refuse',
    clock,
    timers: null,
    feed: { load: failing, publish: failing },
  })
  const good = await issuing()
  const held = refreshTokenOf(await good.tokens.issueWithRefresh(grant))
  const calls: (() => unknown)[] = [
    () => createVerifier({ issuers: [{ ...issuerOf(key), keys }], clock }).verify(accessToken(key)),
    () => tokens.issueWithRefresh(grant),
    () => index.ready(),
    () => index.revoke({ kind: 'session', issuer, value: 's', at: start }),
    () => createKeyRing({ issuer, algorithm: 'ES256', store: { read: failing, write: failing }, sealer: gcmSealer() }),
    () =>
      createKeyRing({
        issuer,
        algorithm: 'ES256',
        store: memoryKeyRingStore(),
        sealer: { encrypt: failing, decrypt: failing },
      }),
    () => staticKeys({ keys: [{ kty: 'oct', k: canary, kid: canary }] }),
    () => good.tokens.refresh(`${held.slice(0, -4)}AAAA`, { clientId: canary }),
    () => good.tokens.refresh(held, { clientId: canary }),
    () => good.tokens.issue({ ...grant, scope: [`${canary} ${canary}`] }),
  ]
  for (const call of calls) expectClean(await thrown(call), [canary, held])
})

test('long-lived objects show neither secrets nor keys', async () => {
  const { ring, tokens, store } = await issuing()
  const secret = new TextEncoder().encode(canary.repeat(2))
  const issuerObject = createIssuer({
    issuer,
    keys: ring,
    revocation: { revoke: () => undefined },
    refresh: { store: memoryRefreshStore({ max: 9 }), secret },
  })
  const issued = await tokens.issueWithRefresh(grant)
  const { access_token } = issued.toResponse()
  for (const object of [ring, tokens, store, issuerObject, issued])
    expectClean(object, [canary, access_token, refreshTokenOf(issued)])
})

test('what is reported as an event names IDs, and no token, claim, secret or key', async () => {
  const events: unknown[] = []
  const onEvent = (event: unknown): void => void events.push(event)
  const { ring, clock } = await issuing()
  const refresh = { store: memoryRefreshStore({ max: 9, clock }), secret: new TextEncoder().encode(canary.repeat(2)) }
  const revocation = { revoke: () => undefined }
  const tokens = createIssuer({ issuer, keys: ring, revocation, clock, refresh, onEvent })
  const secretive = { ...grant, subject: canary, scope: [canary], claims: { [canary]: canary }, acr: canary }
  const first = await tokens.issueWithRefresh(secretive)
  const held = refreshTokenOf(first)
  const next = await tokens.refresh(held, { clientId: 'web' })
  await thrown(() => tokens.refresh(held, { clientId: canary }))
  clock.advance(20_000)
  await thrown(() => tokens.refresh(held, { clientId: 'web' }))
  await tokens.issue(secretive)
  const types = events.map((event) => (event as { readonly type: string }).type)
  expect([...new Set(types)].sort()).toEqual(
    ['client-mismatch', 'issued', 'refreshed', 'reuse-detected', 'revoked'].sort(),
  )
  expectClean(events, [canary, held, refreshTokenOf(next), first.toResponse().access_token])

  const body = `{"keys":[{"kty":"oct","k":"${canary}"}],"note":"${canary}"}`
  const answers = [
    () => new Response(body, { headers: { 'content-type': 'application/json' } }),
    () => new Response(canary, { status: 500, headers: { 'retry-after': canary, etag: canary } }),
    () => new Response(canary, { headers: { 'content-type': `text/${canary}` } }),
  ]
  const errors: unknown[] = []
  for (const answer of answers) {
    const keys = remoteKeys('https://id.test/jwks', { fetch: async () => answer(), timers: null, onEvent })
    const verifier = createVerifier({ issuers: [{ ...issuerOf(testKey('ES256')), keys }], clock: clockAt(start) })
    errors.push(await thrown(() => verifier.verify(accessToken(testKey('ES256')))), keys.health())
  }
  const feed = { load: () => Promise.reject(new Error(canary)), subscribe: () => Promise.reject(new Error(canary)) }
  const index = createRevocationIndex({ onUnavailable: 'refuse', feed, clock, timers: null, onEvent })
  errors.push(await thrown(() => index.ready()), index.status(), index)
  expectClean([events, errors], [canary])
})
