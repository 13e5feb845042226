import type { Grant } from '../issue/grant.js'
import type { FamilyState, NewFamily, RefreshStore } from '../issue/refresh-store.js'

/** A store to judge, empty, and a way to let its clock run. */
export interface CheckedStore {
  readonly store: RefreshStore
  /** Lets that much time pass by the store's clock. */
  advance(ms: number): Promise<void>
}

const grant: Grant = {
  subject: 'subject-1',
  clientId: 'client-1',
  audience: ['https://api.example'],
  scope: ['a', 'b'],
  authenticatedAt: 1_700_000_000_000,
  claims: { nested: { list: [1, null, 'ü'] } },
}
const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const family = (id: string, changes: Partial<NewFamily> = {}): NewFamily => ({
  id,
  grant,
  current: bytes(1),
  idleMs: 60_000,
  lifetimeMs: 600_000,
  ...changes,
})
const step = (id: string, generation: number, from = generation + 1, to = generation + 2) =>
  ({
    id,
    clientId: 'client-1',
    generation,
    from: bytes(from),
    to: bytes(to),
    salt: bytes(90 + generation),
    idleMs: 60_000,
  }) as const

type Fact = readonly [name: string, check: (checked: CheckedStore) => Promise<boolean>]

const facts: readonly Fact[] = [
  [
    'a new family is live, at generation 0, as it was given',
    async ({ store }) => {
      await store.create(family('f1'))
      const state = await store.read('f1')
      return (
        isState(state, { phase: 'live', generation: 0, current: 1, previous: undefined }) &&
        isEqual(state?.grant, grant)
      )
    },
  ],
  [
    'an unknown family is undefined',
    async ({ store }) => (await store.read('f1')) === undefined && (await store.rotate(step('f1', 0))) === undefined,
  ],
  [
    'an id is taken once',
    async ({ store }) => {
      await store.create(family('f1'))
      return rejects(store.create(family('f1', { current: bytes(7) }))).then(
        async (refused) =>
          refused && isState(await store.read('f1'), { phase: 'live', generation: 0, current: 1, previous: undefined }),
      )
    },
  ],
  [
    'a rotation moves one generation on and keeps the hash before it and its salt',
    async ({ store }) => {
      await store.create(family('f1'))
      const rotated = await store.rotate(step('f1', 0))
      const read = await store.read('f1')
      const expected = { phase: 'live', generation: 1, current: 2, previous: 1 } as const
      return [rotated, read].every((state) => isState(state, expected) && isEqual(state?.salt, bytes(90)))
    },
  ],
  [
    'a rotation at another generation, hash or client changes nothing',
    async ({ store }) => {
      await store.create(family('f1'))
      const wrong = [step('f1', 1, 1), step('f1', 0, 5), { ...step('f1', 0), clientId: 'client-2' }]
      for (const one of wrong) if ((await store.rotate(one)) !== undefined) return false
      return isState(await store.read('f1'), { phase: 'live', generation: 0, current: 1, previous: undefined })
    },
  ],
  [
    'of 64 rotations at once one takes effect',
    async ({ store }) => {
      await store.create(family('f1'))
      const all = await Promise.all(Array.from({ length: 64 }, (_, i) => store.rotate(step('f1', 0, 1, 100 + i))))
      const won = all.filter((state) => state !== undefined)
      return won.length === 1 && isEqual((await store.read('f1'))?.current, won[0]?.current)
    },
  ],
  [
    'the age of a rotation is measured by the store’s clock',
    async ({ store, advance }) => {
      await store.create(family('f1'))
      await store.rotate(step('f1', 0))
      await advance(5_000)
      const age = (await store.read('f1'))?.rotatedAgeMs ?? 0
      return age >= 5_000 && age < 35_000
    },
  ],
  [
    'a family pauses for less than idleMs, and every rotation begins the pause anew',
    async ({ store, advance }) => {
      await store.create(family('f1'))
      await advance(30_000)
      if ((await store.rotate(step('f1', 0))) === undefined) return false
      await advance(29_000)
      if ((await store.read('f1'))?.phase !== 'live') return false
      await advance(31_000)
      return (await store.read('f1'))?.phase === 'expired' && (await store.rotate(step('f1', 1))) === undefined
    },
  ],
  [
    'a family lives for less than lifetimeMs, however busy',
    async ({ store, advance }) => {
      await store.create(family('f1', { lifetimeMs: 90_000 }))
      await advance(50_000)
      if ((await store.rotate(step('f1', 0))) === undefined) return false
      await advance(40_000)
      return (await store.read('f1'))?.phase === 'expired' && (await store.rotate(step('f1', 1))) === undefined
    },
  ],
  [
    'revoking a session ends it alone, and tells it once',
    async ({ store }) => {
      for (const id of ['f1', 'f2']) await store.create(family(id))
      const ended = await store.revoke({ session: 'f1' })
      const again = await store.revoke({ session: 'f1' })
      const phases = [(await store.read('f1'))?.phase, (await store.read('f2'))?.phase]
      return (
        isEqual(ended, ['f1']) &&
        again.length === 0 &&
        isEqual(phases, ['revoked', 'live']) &&
        (await store.rotate(step('f1', 0))) === undefined
      )
    },
  ],
  [
    'revoking a subject or client ends all of its live families, and no other',
    async ({ store }) => {
      const other = { ...grant, subject: 'subject-2', clientId: 'client-2' }
      for (const id of ['f1', 'f2']) await store.create(family(id))
      await store.create(family('f3', { grant: other }))
      const bySubject = [...(await store.revoke({ subject: 'subject-1' }))].sort()
      if (!isEqual(bySubject, ['f1', 'f2']) || (await store.read('f3'))?.phase !== 'live') return false
      return (
        isEqual(await store.revoke({ client: 'client-2' }), ['f3']) &&
        (await store.revoke({ client: 'client-1' })).length === 0
      )
    },
  ],
]

/**
 * Judges a refresh store by the contract that rotation rests on.
 *
 * @param make - Gives an empty store, once per fact.
 * @returns The facts that hold, by name.
 * @throws {Error} The first fact that does not hold, by name.
 */
export async function checkRefreshStore(make: () => Promise<CheckedStore>): Promise<readonly string[]> {
  for (const [name, check] of facts) {
    if (!(await check(await make()))) throw new Error(`the refresh store breaks its contract: ${name}`)
  }
  return facts.map(([name]) => name)
}

interface ExpectedState {
  readonly phase: FamilyState['phase']
  readonly generation: number
  readonly current: number
  readonly previous: number | undefined
}

function isState(state: FamilyState | undefined, expected: ExpectedState): boolean {
  return (
    state !== undefined &&
    state.phase === expected.phase &&
    state.generation === expected.generation &&
    isEqual(state.current, bytes(expected.current)) &&
    isEqual(state.previous, expected.previous === undefined ? undefined : bytes(expected.previous))
  )
}

function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b))
}

function plain(value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value
}

async function rejects(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return false
  } catch {
    return true
  }
}
