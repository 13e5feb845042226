import type { Revocation } from '@coffer/jwt'
import type { Issuer, RefreshStore } from '@coffer/jwt/issue'
import { expect } from 'vitest'
import { codeOfAsync } from '../support.js'
import { grant, refreshTokenOf } from './support.js'

class Crash extends Error {}

/** A process that dies at its n-th call of a store or sink, before or after the call has taken effect. */
export function dyingAt(n: number, afterEffect: boolean) {
  let calls = 0
  const through = async <T>(call: () => Promise<T>): Promise<T> => {
    calls++
    if (calls > n) throw new Crash('dead')
    if (calls < n) return call()
    if (afterEffect) await call()
    throw new Crash('dies')
  }
  return { through, calls: () => calls }
}

type Through = <T>(call: () => Promise<T>) => Promise<T>

/** A store whose calls go through a process that may die. */
export function storeThrough(store: RefreshStore, through: Through): RefreshStore {
  return {
    create: (family) => through(() => store.create(family)),
    rotate: (step) => through(() => store.rotate(step)),
    read: (id) => through(() => store.read(id)),
    revoke: (target) => through(() => store.revoke(target)),
  }
}

/** A sink of revocations, likewise. */
export function sinkThrough(sink: { revoke(revocation: Revocation): Promise<void> }, through: Through) {
  return { revoke: (revocation: Revocation) => through(() => sink.revoke(revocation)) }
}

/** One store and sink, and processes over them: one that lives, and any number that may die. */
export interface MortalWorld {
  readonly alive: Issuer
  readonly processWith: (through: Through) => Issuer
}

const stories = {
  async login(tokens: Issuer) {
    await tokens.issueWithRefresh(grant)
  },
  async refresh(tokens: Issuer, held: string) {
    await tokens.refresh(held, { clientId: 'web' })
  },
  async 'narrowed refresh'(tokens: Issuer, held: string) {
    await tokens.refresh(held, { clientId: 'web', scope: ['payments:read'] })
  },
  async 'refresh twice'(tokens: Issuer, held: string) {
    const next = await tokens.refresh(held, { clientId: 'web' })
    await tokens.refresh(refreshTokenOf(next), { clientId: 'web' })
  },
} as const

export const storyNames = Object.keys(stories) as (keyof typeof stories)[]

/** Lets a process die at every call of a story, before and after its effect: what the client holds must stay good. */
export async function dieEverywhere(name: keyof typeof stories, world: () => Promise<MortalWorld>): Promise<number> {
  let points = 0
  for (const afterEffect of [false, true]) {
    for (let n = 1; ; n++) {
      const { alive, processWith } = await world()
      const held = refreshTokenOf(await alive.issueWithRefresh(grant))
      const death = dyingAt(n, afterEffect)
      const outcome = await codeOfAsync(() => stories[name](processWith(death.through), held)).catch(() => 'finished')
      if (outcome === 'finished') break
      expect(outcome).toBe('COFFER_JWT_STORE_UNAVAILABLE')
      points++
      if (name === 'refresh twice' && n > 1) continue
      // The client never saw an answer, so it still holds this token: within the window it is good, and only once over.
      const next = await alive.refresh(held, { clientId: 'web' })
      const again = await alive.refresh(held, { clientId: 'web' })
      expect(refreshTokenOf(again)).toBe(refreshTokenOf(next))
      expect((await alive.refresh(refreshTokenOf(next), { clientId: 'web' })).retried).toBe(false)
    }
  }
  return points
}
