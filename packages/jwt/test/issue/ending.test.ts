import { createRevocationIndex, type Revocation } from '@coffer/jwt'
import { createIssuer, memoryRefreshStore } from '@coffer/jwt/issue'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { codeOf, codeOfAsync, issuer, start } from '../support.js'
import { grant, hour, issuing, refreshTokenOf, secret } from './support.js'

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeEach(() => void process.on('unhandledRejection', note))
afterEach(() => void process.off('unhandledRejection', note))

/** An issuer over the same ring, whose sink of revocations or store can fail. */
async function failing(options: {
  readonly sink?: (revocation: Revocation) => Promise<void>
  readonly storeIsDown?: boolean
}) {
  const { ring, clock } = await issuing()
  const inner = memoryRefreshStore({ max: 9, clock })
  const down = () => new Promise<never>((_, reject) => setImmediate(() => reject(new Error('canary'))))
  const store = options.storeIsDown === true ? { ...inner, revoke: down } : inner
  const told: Revocation[] = []
  const revocation = {
    async revoke(revocation: Revocation) {
      await options.sink?.(revocation)
      told.push(revocation)
    },
  }
  return { told, tokens: createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret } }) }
}

describe('ending a subject', () => {
  test('with sink and store down rejects once and leaves no rejection unhandled', async () => {
    const sink = () => Promise.reject(new Error('sink is down'))
    const { tokens } = await failing({ sink, storeIsDown: true })
    for (const call of [() => tokens.revokeSubject('user-1'), () => tokens.revokeClient('web')])
      await expect(call()).rejects.toThrow('sink is down')
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).toEqual([])
  })

  test('with the store down revokes its access tokens all the same', async () => {
    const { tokens, told } = await failing({ storeIsDown: true })
    expect(await codeOfAsync(() => tokens.revokeSubject('user-1'))).toBe('COFFER_JWT_STORE_UNAVAILABLE')
    expect(told).toEqual([{ kind: 'subject', issuer, value: 'user-1', at: start }])
  })

  test('tells every session of it, also after one that could not be told', async () => {
    let failures = 1
    const sink = async ({ kind }: Revocation) => {
      if (kind === 'session' && failures-- > 0) throw new Error('once')
    }
    const { tokens, told } = await failing({ sink })
    for (let i = 0; i < 3; i++) await tokens.issueWithRefresh(grant)
    await expect(tokens.revokeSubject('user-1')).rejects.toThrow('once')
    expect(told.filter(({ kind }) => kind === 'session')).toHaveLength(2)
  })
})

describe('a login under way', () => {
  /** An issuer whose store keeps a new family waiting until it is let in. */
  async function slow() {
    const { ring, clock, verifier, revocation } = await issuing()
    const inner = memoryRefreshStore({ max: 9, clock })
    let letIn: () => void = () => undefined
    const asked = new Promise<void>((ask) => {
      letIn = ask
    })
    let arrived: () => void = () => undefined
    const waiting = new Promise<void>((resolve) => {
      arrived = resolve
    })
    const store: typeof inner = {
      ...inner,
      async create(family) {
        arrived()
        await asked
        await inner.create(family)
      },
    }
    const tokens = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret } })
    return { tokens, verifier, inner, waiting, letIn: () => letIn() }
  }

  test.each(['subject', 'client'] as const)(
    'is refused, and its family ended, when its %s is revoked',
    async (kind) => {
      const { tokens, inner, waiting, letIn } = await slow()
      const login = codeOfAsync(() => tokens.issueWithRefresh(grant))
      await waiting
      await (kind === 'subject' ? tokens.revokeSubject('user-1') : tokens.revokeClient('web'))
      letIn()
      expect(await login).toBe('COFFER_JWT_GRANT_REFUSED')
      expect(await inner.revoke({ subject: 'user-1' })).toEqual([])
    },
  )

  test('is not touched when another subject or client is revoked', async () => {
    const { tokens, verifier, waiting, letIn } = await slow()
    const login = tokens.issueWithRefresh(grant)
    await waiting
    await tokens.revokeSubject('web')
    await tokens.revokeClient('user-1')
    letIn()
    expect(verifier.verifySync((await login).toResponse().access_token).subject).toBe('user-1')
  })
})

describe('two revocations of one second', () => {
  test('end also the token that was issued between them, and none that is issued after', async () => {
    const { tokens, verifier } = await issuing()
    const issue = async () => (await tokens.issue(grant)).toResponse().access_token
    const held: string[] = []
    for (let i = 0; i < 3; i++) {
      held.push(await issue())
      expect(verifier.verifySync(String(held.at(-1))).subject).toBe('user-1')
      await tokens.revokeSubject('user-1')
      for (const token of held) expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOKED')
      await tokens.revokeSubject('user-1')
    }
    expect(verifier.verifySync(await issue()).subject).toBe('user-1')
  })

  test('leave a token that is good five times over; the sixth would be dead on arrival, and is refused', async () => {
    const { tokens, verifier, clock } = await issuing()
    const issue = async () => (await tokens.issue(grant)).toResponse().access_token
    for (let i = 0; i < 5; i++) {
      await tokens.revokeSubject('user-1')
      expect(verifier.verifySync(await issue()).issuedAt).toBe(start + (i + 1) * 1_000)
    }
    await tokens.revokeSubject('user-1')
    for (let i = 0; i < 100; i++) expect(await codeOfAsync(issue)).toBe('COFFER_JWT_GRANT_REFUSED')
    clock.advance(999)
    expect(await codeOfAsync(issue)).toBe('COFFER_JWT_GRANT_REFUSED')
    clock.advance(1)
    expect(verifier.verifySync(await issue()).issuedAt).toBe(start + 6_000)
  })

  test('however many they are, leave the next token good if none was issued between', async () => {
    const { tokens, verifier } = await issuing()
    for (let i = 0; i < 200; i++) await tokens.revokeSubject('user-1')
    const token = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(token).issuedAt).toBe(start + 1_000)
  })

  test.each([
    ['client', 'subject'],
    ['subject', 'client'],
  ] as const)('of the %s and then of the %s end the token that was issued between them', async (first, second) => {
    const { tokens, verifier } = await issuing()
    const revoke = (kind: 'subject' | 'client') =>
      kind === 'subject' ? tokens.revokeSubject('user-1') : tokens.revokeClient('web')
    await revoke(first)
    const token = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(token).subject).toBe('user-1')
    await revoke(second)
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOKED')
    const next = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(next).subject).toBe('user-1')
  })

  test('still date what is issued once the second has come that they reached', async () => {
    const { tokens, verifier, clock } = await issuing()
    const issue = async () => (await tokens.issue(grant)).toResponse().access_token
    await tokens.revokeSubject('user-1')
    await issue()
    await tokens.revokeSubject('user-1')
    clock.advance(1_000)
    expect(verifier.verifySync(await issue()).issuedAt).toBe(start + 2_000)
    clock.advance(1_000)
    expect(verifier.verifySync(await issue()).issuedAt).toBe(start + 2_000)
  })

  test('are forgotten once their seconds lie behind', async () => {
    const { tokens, verifier, clock } = await issuing()
    await tokens.revokeSubject('user-1')
    clock.advance(2_000)
    const token = (await tokens.issue(grant)).toResponse().access_token
    expect(verifier.verifySync(token).issuedAt).toBe(start + 2_000)
  })

  test('of one subject do not date the tokens of another', async () => {
    const { tokens, verifier } = await issuing()
    for (let i = 0; i < 5; i++) {
      await tokens.revokeSubject('user-1')
      await tokens.issue(grant)
    }
    const other = (await tokens.issue({ ...grant, subject: 'user-2' })).toResponse().access_token
    expect(verifier.verifySync(other).issuedAt).toBe(start)
  })
})

describe('a clock that was set back after a revocation', () => {
  test('is revoked by again, and issues nothing that the first one ends', async () => {
    const { tokens, verifier, clock } = await issuing()
    const issue = async () => (await tokens.issue(grant)).toResponse().access_token
    const old = await issue()
    await tokens.revokeSubject('user-1')
    clock.advance(-hour)
    await expect(tokens.revokeSubject('user-1')).resolves.toBeUndefined()
    expect(await codeOfAsync(issue)).toBe('COFFER_JWT_GRANT_REFUSED')
    clock.advance(hour - 4_001)
    expect(await codeOfAsync(issue)).toBe('COFFER_JWT_GRANT_REFUSED')
    clock.advance(1)
    expect(verifier.verifySync(await issue()).subject).toBe('user-1')
    expect(codeOf(() => verifier.verifySync(old))).toBe('COFFER_JWT_REVOKED')
  })

  test('by seconds still ends what was issued before', async () => {
    const { tokens, verifier, clock } = await issuing()
    await tokens.revokeSubject('user-1')
    const token = (await tokens.issue(grant)).toResponse().access_token
    clock.advance(-7_000)
    await tokens.revokeSubject('user-1')
    clock.advance(7_000)
    expect(codeOf(() => verifier.verifySync(token))).toBe('COFFER_JWT_REVOKED')
  })
})

describe('revoking a token', () => {
  test('of a family that has expired ends the access token that outlives it (RFC 7009 §2.1)', async () => {
    const { ring, clock, verifier, revocation } = await issuing()
    const refresh = { store: memoryRefreshStore({ max: 9, clock }), secret, idleMs: 60_000 }
    const tokens = createIssuer({ issuer, keys: ring, revocation, clock, refresh })
    const issued = await tokens.issueWithRefresh(grant)
    clock.advance(60_000)
    expect(verifier.verifySync(issued.toResponse().access_token).subject).toBe('user-1')
    await tokens.revokeToken(refreshTokenOf(issued), { clientId: 'other' })
    expect(verifier.verifySync(issued.toResponse().access_token).subject).toBe('user-1')
    await tokens.revokeToken(refreshTokenOf(issued), { clientId: 'web' })
    expect(codeOf(() => verifier.verifySync(issued.toResponse().access_token))).toBe('COFFER_JWT_REVOKED')
  })
})

describe('a grant', () => {
  test('that is changed after the call is stored and signed as it was', async () => {
    const { tokens, verifier } = await issuing()
    const claims: Record<string, string> = { tenant: 't-1' }
    const scope = ['payments:read']
    const issuingNow = tokens.issueWithRefresh({ ...grant, scope, claims })
    Object.assign(claims, { sub: 'admin', tenant: 't-2' })
    scope.push('payments:approve')
    const next = await tokens.refresh(refreshTokenOf(await issuingNow), { clientId: 'web' })
    const token = verifier.verifySync(next.toResponse().access_token)
    expect(token).toMatchObject({ subject: 'user-1', scope: ['payments:read'], claims: { tenant: 't-1' } })
  })

  test('that was changed in the store to name a claim of this package is refused', async () => {
    const { ring, clock } = await issuing()
    const inner = memoryRefreshStore({ max: 9, clock })
    const store: typeof inner = {
      ...inner,
      async rotate(step) {
        const state = await inner.rotate(step)
        return state && { ...state, grant: { ...state.grant, claims: { sub: 'admin' } } }
      },
    }
    const revocation = createRevocationIndex({ onUnavailable: 'refuse', clock })
    const tokens = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret } })
    const first = await tokens.issueWithRefresh(grant)
    clock.advance(hour)
    expect(await codeOfAsync(() => tokens.refresh(refreshTokenOf(first), { clientId: 'web' }))).toBe(
      'COFFER_JWT_GRANT_REFUSED',
    )
  })

  test('that authorize changes is signed as it was stored', async () => {
    const { ring, clock, verifier, revocation } = await issuing()
    const store = memoryRefreshStore({ max: 9, clock })
    const authorize = async (family: { readonly grant: object }) => {
      Object.assign(family.grant, { subject: 'admin' })
      return {}
    }
    const tokens = createIssuer({ issuer, keys: ring, revocation, clock, refresh: { store, secret, authorize } })
    const next = await tokens.refresh(refreshTokenOf(await tokens.issueWithRefresh(grant)), { clientId: 'web' })
    expect(verifier.verifySync(next.toResponse().access_token).subject).toBe('user-1')
  })

  const admin = () => ['admin']
  test.each([
    ['an array that writes another value', Object.assign(['reader'], { toJSON: admin })],
    ['an array with a hidden toJSON', Object.defineProperty(['reader'], 'toJSON', { value: admin })],
    ['an array with a member beside its elements', Object.assign(['reader'], { more: 1 })],
    ['an array with a hole', Object.assign(new Array(2), { 0: 'reader' })],
    ['an object with a hidden toJSON', Object.defineProperty({}, 'toJSON', { value: admin })],
    ['an object with a symbol', { [Symbol('hidden')]: 1 }],
    ['a function', admin],
  ])('with %s as a claim is refused', async (_, roles) => {
    const { tokens } = await issuing()
    for (const claims of [{ roles }, { nested: { roles } }])
      expect(await codeOfAsync(() => tokens.issue({ ...grant, claims } as never))).toBe('COFFER_JWT_GRANT_REFUSED')
  })

  test('with a claim that is undefined is issued without it', async () => {
    const { tokens, verifier } = await issuing()
    const issued = await tokens.issue({ ...grant, claims: { tenant: undefined } as never })
    expect(Object.keys(verifier.verifySync(issued.toResponse().access_token).claims)).not.toContain('tenant')
  })
})
