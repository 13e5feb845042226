import type { Planted } from './search-dump.js'

const kinds = { access_token: 'access token', refresh_token: 'refresh token' } as const

/** A fetch that notes every token that an answer holds, so that a search can be made for each of them. */
export function recordTokens(inner: typeof fetch): { readonly fetch: typeof fetch; readonly seen: readonly Planted[] } {
  const seen: Planted[] = []
  return {
    seen,
    fetch: async (input, init) => {
      const answer = await inner(input, init)
      const members: unknown = await answer
        .clone()
        .json()
        .catch(() => null)
      for (const [name, value] of Object.entries(Object(members)))
        if ((name === 'access_token' || name === 'refresh_token') && typeof value === 'string')
          seen.push({ kind: kinds[name], value })
      return answer
    },
  }
}
