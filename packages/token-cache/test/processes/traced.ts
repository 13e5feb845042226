import type { TokenStore } from '@coffer/token-cache'

/** A store that says what was asked of it and what came back, for a test that must explain itself. */
export function tracedStore(store: TokenStore, name: string, say: (line: string) => void): TokenStore {
  const traced = async <T>(step: string, work: Promise<T>, told: (result: T) => unknown): Promise<T> => {
    try {
      const result = await work
      say(`${name} ${step} -> ${JSON.stringify(told(result))}`)
      return result
    } catch (error) {
      say(`${name} ${step} failed`)
      throw error
    }
  }
  const short = (key: string): string => key.slice(0, 4)
  return {
    persistence: store.persistence,
    read: (key) => store.read(key),
    acquire: (key, owner, ttlMs) =>
      traced(`acquire ${short(key)}`, store.acquire(key, owner, ttlMs), (snapshot) =>
        snapshot === undefined
          ? 'held'
          : [snapshot.fence, snapshot.generation, snapshot.intent?.digest.slice(0, 4), snapshot.intent?.dead],
      ),
    renew: (key, fence, ttlMs) =>
      traced(`renew ${short(key)} ${fence}`, store.renew(key, fence, ttlMs), (renewed) => renewed),
    intend: (key, fence, intent) =>
      traced(
        `intend ${short(key)} ${fence} ${intent.digest.slice(0, 4)} ${intent.attempt}`,
        store.intend(key, fence, intent),
        (noted) => noted,
      ),
    commit: (key, fence, generation, body) =>
      traced(
        `commit ${short(key)} ${fence} ${generation}`,
        store.commit(key, fence, generation, body),
        (stored) => stored,
      ),
    release: (key, fence, outcome) =>
      traced(
        `release ${short(key)} ${fence} ${outcome.intent} ${Math.round(outcome.holdMs)}`,
        store.release(key, fence, outcome),
        () => 'done',
      ),
  }
}

/** A fetch that says what it asked for and whether an answer came in time. */
export function tracedFetch(name: string, say: (line: string) => void, inner: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    const what = String(init?.body).includes('grant_type=refresh_token') ? 'a refresh' : 'a login'
    say(`${name} sends ${what}`)
    try {
      const response = await inner(input, init)
      const text = await response.text()
      say(`${name} got ${response.status} for ${what}`)
      return new Response(text, { status: response.status, headers: response.headers })
    } catch (error) {
      say(`${name} ${gaveUp} ${what}`)
      throw error
    }
  }
}

/** In the trace of a request that was given up: its caller cannot know whether it was processed. */
export const gaveUp = 'gave up on'
