import { inspect } from 'node:util'
import { createIssuer, memoryRefreshStore } from '@coffer/jwt/issue'
import { decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { isDeep } from '../properties/random.js'
import { audience, codeOf, codeOfAsync, issuer, start } from '../support.js'
import { day, grant, hour, issuing, refreshTokenOf, secret } from './support.js'

describe('an access token', () => {
  test('is accepted by a verifier that takes the ring as keys', async () => {
    const { tokens, verifier, ring } = await issuing()
    const issued = await tokens.issue({ ...grant, authenticatedAt: start - 5_000, acr: 'mfa', amr: ['pwd', 'otp'] })
    const response = issued.toResponse()
    expect(response).toMatchObject({ token_type: 'Bearer', expires_in: 3_600, scope: 'payments:read payments:create' })
    expect(response.refresh_token).toBeUndefined()
    const token = verifier.verifySync(response.access_token)
    expect(token).toMatchObject({
      subject: 'user-1',
      clientId: 'web',
      jti: issued.jti,
      expiresAt: issued.expiresAt,
      sessionId: undefined,
    })
    expect(token.claims).toMatchObject({ tenant: 't-1', auth_time: start / 1_000 - 5, acr: 'mfa', amr: ['pwd', 'otp'] })
    expect(decodeProtectedHeader(response.access_token)).toEqual({
      alg: 'ES256',
      kid: ring.status()[0]?.kid,
      typ: 'at+jwt',
    })
  })

  test.each([
    [{ subject: '' }],
    [{ clientId: '' }],
    [{ audience: '' }],
    [{ audience: [] }],
    [{ scope: ['a b'] }],
    [{ scope: ['"'] }],
    [{ claims: { big: 2 ** 53 } }],
    [{ claims: { text: '\ud800' } }],
    [{ claims: { date: new Date() } }],
    [{ claims: { text: 'x'.repeat(8_192) } }],
  ])('that a verifier would refuse is not issued: %j', async (change) => {
    const { tokens } = await issuing()
    expect(await codeOfAsync(() => tokens.issue({ ...grant, ...change } as never))).toBe('COFFER_JWT_GRANT_REFUSED')
  })

  test.each<[object, RegExp]>([
    [{ subject: '' }, /grant\.subject/],
    [{ subject: 's\ud800' }, /grant\.subject/],
    [{ clientId: '' }, /grant\.clientId/],
    [{ audience: [''] }, /grant\.audience/],
    [{ audience: Array(65).fill('a') }, /grant\.audience/],
    [{ scope: ['a b'] }, /grant\.scope/],
    [{ scope: [''] }, /grant\.scope/],
    [{ claims: { big: 2 ** 53 } }, /grant\.claims/],
    [{ claims: { ['__proto__']: 1 } }, /grant\.claims/],
    [{ claims: { text: 'x'.repeat(8_192) } }, /too large/],
  ])('that a verifier would refuse names the member that is to blame: %j', async (change, member) => {
    const { tokens } = await issuing()
    await expect(tokens.issue({ ...grant, ...change })).rejects.toThrow(member)
  })

  test.each<[string, object]>([
    ['subject', { subject: 1 }],
    ['subject', { subject: undefined }],
    ['clientId', { clientId: null }],
    ['audience', { audience: undefined }],
    ['audience', { audience: ['a', 1] }],
    ['audience', { audience: new Array(1) }],
    ['scope', { scope: 'payments:read' }],
    ['scope', { scope: [1] }],
    ['acr', { acr: 1 }],
    ['amr', { amr: 'pwd' }],
    ['authenticatedAt', { authenticatedAt: '0' }],
    ['authenticatedAt', { authenticatedAt: Number.NaN }],
    ['claims', { claims: 'x' }],
  ])('of a grant whose %s is of the wrong type is misuse that names it: %j', async (member, change) => {
    const { tokens } = await issuing()
    for (const issued of [tokens.issue, tokens.issueWithRefresh].map((make) =>
      make.call(tokens, { ...grant, ...change } as never),
    )) {
      await expect(issued).rejects.toThrow(TypeError)
      await expect(issued).rejects.toThrow(`grant.${member} `)
    }
  })

  test('of a grant whose authenticatedAt is in seconds, or beyond any date, is misuse', async () => {
    const { tokens } = await issuing()
    const issue = (authenticatedAt: number) => tokens.issue({ ...grant, authenticatedAt })
    for (const at of [start / 1_000, -1, 0, 99_999_999_999, 8_640_000_000_000_001, Number.POSITIVE_INFINITY]) {
      await expect(issue(at)).rejects.toThrow(RangeError)
      await expect(issue(at)).rejects.toThrow('grant.authenticatedAt must be in epoch milliseconds')
    }
    for (const at of [100_000_000_000, 8_640_000_000_000_000]) await issue(at)
  })

  test.each(['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'scope', 'sid', 'nbf', 'cnf', 'act'])(
    'cannot be given the claim %s',
    async (name) => {
      const { tokens } = await issuing()
      await expect(tokens.issue({ ...grant, claims: { [name]: 1 } })).rejects.toThrow(TypeError)
    },
  )

  test('is never shown by inspect, JSON or a template', async () => {
    const { tokens } = await issuing()
    const issued = await tokens.issueWithRefresh(grant)
    const { access_token, refresh_token } = issued.toResponse()
    for (const shown of [inspect(issued, { showHidden: true, depth: 9 }), JSON.stringify({ issued }), `${issued}`]) {
      expect(shown).toContain('[redacted]')
      expect(shown).not.toContain(access_token)
      expect(shown).not.toContain(refresh_token)
    }
  })
})

describe('a refresh token', () => {
  test('is 117 characters, and is spent for a successor and an access token of the same session', async () => {
    const { tokens, verifier } = await issuing()
    const first = await tokens.issueWithRefresh(grant)
    const next = await tokens.refresh(refreshTokenOf(first), { clientId: 'web' })
    expect(refreshTokenOf(first)).toMatch(/^crt1\.[A-Za-z0-9_-]{112}$/)
    expect(refreshTokenOf(next)).not.toBe(refreshTokenOf(first))
    expect(next.retried).toBe(false)
    expect(verifier.verifySync(next.toResponse().access_token).sessionId).toBe(first.sessionId)
    expect(next.sessionId).toBe(first.sessionId)
  })

  test('presented again within the window gives the same successor and another access token', async () => {
    const { tokens, clock } = await issuing()
    const first = await tokens.issueWithRefresh(grant)
    const next = await tokens.refresh(refreshTokenOf(first), { clientId: 'web' })
    clock.advance(9_999)
    const again = await tokens.refresh(refreshTokenOf(first), { clientId: 'web' })
    expect(again.retried).toBe(true)
    expect(refreshTokenOf(again)).toBe(refreshTokenOf(next))
    expect(again.jti).not.toBe(next.jti)
  })

  test.each([
    ['at the end of the window', 10_000, 1],
    ['two rotations later', 1, 2],
  ])('presented again %s ends the family and its access tokens', async (_, ms, rotations) => {
    const { tokens, clock, verifier, events } = await issuing()
    const first = await tokens.issueWithRefresh(grant)
    let latest = first
    for (let i = 0; i < rotations; i++) latest = await tokens.refresh(refreshTokenOf(latest), { clientId: 'web' })
    clock.advance(ms)
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(first), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_REUSED',
    )
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(latest), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    for (const issued of [first, latest]) {
      expect(codeOf(() => verifier.verifySync(issued.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
    }
    expect(events.map((event) => event.type)).toEqual([
      'issued',
      ...Array(rotations).fill('refreshed'),
      'reuse-detected',
      'revoked',
    ])
  })

  test('redeemed 64 times at once has one successor, round after round', async () => {
    const { tokens } = await issuing()
    let held = refreshTokenOf(await tokens.issueWithRefresh(grant))
    for (let round = 0; round < (isDeep ? 200 : 2); round++) {
      const all = await Promise.all(Array.from({ length: 64 }, () => tokens.refresh(held, { clientId: 'web' })))
      const successors = new Set(all.map(refreshTokenOf))
      expect(successors.size).toBe(1)
      expect(all.filter((one) => !one.retried)).toHaveLength(1)
      expect(new Set(all.map((one) => one.jti)).size).toBe(64)
      held = [...successors][0] ?? ''
    }
  }, 600_000)

  test('of another client is refused and stays good for its own', async () => {
    const { tokens, events } = await issuing()
    const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
    expect(await codeOfAsync(() => tokens.refresh(first, { clientId: 'other' }))).toBe('COFFER_JWT_REFRESH_INVALID')
    await tokens.revokeToken(first, { clientId: 'other' })
    expect((await tokens.refresh(first, { clientId: 'web' })).retried).toBe(false)
    expect(events.filter((event) => event.type === 'client-mismatch')).toHaveLength(2)
  })

  test('with any character changed costs no call of the store', async () => {
    const { tokens, store } = await issuing()
    const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
    const calls: string[] = []
    const watched = {
      ...store,
      rotate: async () => {
        calls.push('rotate')
        return undefined
      },
      read: async () => {
        calls.push('read')
        return undefined
      },
    }
    const { ring, revocation, clock } = await issuing()
    const other = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store: watched, secret } })
    for (let i = 0; i < first.length; i++) {
      const changed = first.slice(0, i) + (first[i] === 'A' ? 'B' : 'A') + first.slice(i + 1)
      expect(await codeOfAsync(() => other.refresh(changed, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_INVALID')
    }
    expect(calls).toEqual([])
  })

  test('may ask for less scope for one access token, never for more, and a refusal spends nothing', async () => {
    const { tokens } = await issuing()
    const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
    expect(await codeOfAsync(() => tokens.refresh(first, { clientId: 'web', scope: ['admin'] }))).toBe(
      'COFFER_JWT_SCOPE_WIDENED',
    )
    const narrowed = await tokens.refresh(first, { clientId: 'web', scope: ['payments:read'] })
    expect(narrowed.toResponse().scope).toBe('payments:read')
    expect((await tokens.refresh(refreshTokenOf(narrowed), { clientId: 'web' })).toResponse().scope).toBe(
      'payments:read payments:create',
    )
  })

  test('without a request, or with one that is misspelt or mistyped, is misuse, and spends nothing', async () => {
    const { tokens } = await issuing()
    const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
    for (const [request, message] of [
      [undefined, 'the request of refresh must be an object'],
      ['web', 'the request of refresh must be an object'],
      [{ clientId: 'web', scopes: ['payments:read'] }, 'has no option "scopes" (known: clientId, scope)'],
      [{ clientId: 'web', scope: 'payments:read' }, 'the scope of refresh must be a list of strings'],
      [{ clientId: 'web', scope: [1] }, 'the scope of refresh must be a list of strings'],
    ] as const) {
      const refreshed = tokens.refresh(first, request as never)
      await expect(refreshed).rejects.toThrow(TypeError)
      await expect(refreshed).rejects.toThrow(message)
    }
    await expect(tokens.revokeToken(first, undefined as never)).rejects.toThrow(
      'the request of revokeToken must be an object',
    )
    expect((await tokens.refresh(first, { clientId: 'web' })).retried).toBe(false)
  })

  test('lives until 24 h of pause or 30 days in all, and not at them', async () => {
    for (const ms of [day - 1, day]) {
      const { tokens, clock } = await issuing()
      const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
      clock.advance(ms)
      const outcome = tokens.refresh(first, { clientId: 'web' })
      if (ms < day) expect((await outcome).retried).toBe(false)
      else expect(await codeOfAsync(() => outcome)).toBe('COFFER_JWT_REFRESH_INVALID')
    }
    const { tokens, clock } = await issuing()
    let latest = await tokens.issueWithRefresh(grant)
    for (let hours = 0; hours < 30 * 24 - 12; hours += 12) {
      clock.advance(12 * hour)
      latest = await tokens.refresh(refreshTokenOf(latest), { clientId: 'web' })
    }
    clock.advance(12 * hour)
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(latest), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
  })

  test('made under an older secret is accepted, and its successor is made under the newest', async () => {
    const { tokens, ring, revocation, clock, store } = await issuing()
    const first = refreshTokenOf(await tokens.issueWithRefresh(grant))
    const fresh = new Uint8Array(32).fill(9)
    const both = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret: [fresh, secret] } })
    const alone = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret: fresh } })
    const next = await both.refresh(first, { clientId: 'web' })
    expect(refreshTokenOf(await both.refresh(first, { clientId: 'web' }))).toBe(refreshTokenOf(next))
    expect((await alone.refresh(refreshTokenOf(next), { clientId: 'web' })).retried).toBe(false)
    expect(await codeOfAsync(() => alone.refresh(first, { clientId: 'web' }))).toBe('COFFER_JWT_REFRESH_INVALID')
  })

  test('is answered by authorize: new claims, an end, or an exception after which a retry is good', async () => {
    const { ring, revocation, clock, verifier } = await issuing()
    const answers = [{ claims: { tenant: 't-2' } }, new Error('down'), {}, null]
    const authorize = async () => {
      const answer = answers.shift() ?? {}
      if (answer instanceof Error) throw answer
      return answers.length === 0 ? null : answer
    }
    const tokens = createIssuer({
      issuer,
      keys: ring,
      revocation,
      clock,
      refresh: { store: memoryRefreshStore({ max: 9, clock }), secret, authorize },
    })
    const first = await tokens.issueWithRefresh(grant)
    const second = await tokens.refresh(refreshTokenOf(first), { clientId: 'web' })
    expect(verifier.verifySync(second.toResponse().access_token).claims).toMatchObject({ tenant: 't-2' })
    await expect(tokens.refresh(refreshTokenOf(second), { clientId: 'web' })).rejects.toThrow('down')
    const third = await tokens.refresh(refreshTokenOf(second), { clientId: 'web' })
    expect(third.retried).toBe(true)
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(third), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    expect(codeOf(() => verifier.verifySync(third.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
  })
})

describe('ending', () => {
  test('a session by its refresh token, spent or not, ends it; an unknown token succeeds', async () => {
    const { tokens, verifier } = await issuing()
    const first = await tokens.issueWithRefresh(grant)
    await tokens.revokeToken('nonsense', { clientId: 'web' })
    await tokens.revokeToken(refreshTokenOf(first), { clientId: 'web' })
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(first), { clientId: 'web' }))).toBe(
      'COFFER_JWT_REFRESH_INVALID',
    )
    expect(codeOf(() => verifier.verifySync(first.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
  })

  test.each(['revokeSubject', 'revokeClient'] as const)(
    '%s ends every session, and a login in the same second is good',
    async (method) => {
      const { tokens, verifier } = await issuing()
      const before = await tokens.issueWithRefresh(grant)
      await tokens[method](method === 'revokeSubject' ? 'user-1' : 'web')
      const after = await tokens.issueWithRefresh(grant)
      expect(codeOf(() => verifier.verifySync(before.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
      expect(verifier.verifySync(after.toResponse().access_token).sessionId).toBe(after.sessionId)
      expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(before), { clientId: 'web' }))).toBe(
        'COFFER_JWT_REFRESH_INVALID',
      )
      expect((await tokens.refresh(refreshTokenOf(after), { clientId: 'web' })).retried).toBe(false)
    },
  )

  test('is told as a store failure when the store fails, and the access tokens are dead all the same', async () => {
    const { ring, revocation, clock, verifier, store, tokens } = await issuing()
    const first = await tokens.issueWithRefresh(grant)
    const failing = createIssuer({
      issuer,
      keys: ring,
      revocation,
      clock,
      refresh: { store: { ...store, revoke: () => Promise.reject(new Error('canary')) }, secret },
    })
    expect(await codeOfAsync(() => failing.revokeSession(String(first.sessionId)))).toBe('COFFER_JWT_STORE_UNAVAILABLE')
    expect(codeOf(() => verifier.verifySync(first.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
  })
})

test('an issuer without what it needs is misuse', async () => {
  const { ring, store, revocation } = await issuing()
  const good = { issuer, keys: ring, revocation, refresh: { store, secret } }
  for (const bad of [
    { ...good, issuer: `${issuer}/` },
    { ...good, revocation: undefined },
    { ...good, keys: {} },
    { ...good, audience },
    { ...good, refresh: { store } },
  ]) {
    expect(() => createIssuer(bad as never)).toThrow(TypeError)
  }
  expect(() => createIssuer({ ...good, refresh: { store, secret: new Uint8Array(31) } })).toThrow(RangeError)
  expect(() => createIssuer({ ...good, accessTtlMs: 3_600_001 })).toThrow(RangeError)
})
