import { describe, expect, it } from 'vitest'
import { recordTokens } from '../src/tour/seen-tokens.js'

describe('a fetch that notes tokens', () => {
  it('notes every token of an answer, and hands the answer on unread', async () => {
    const { fetch, seen } = recordTokens(async () =>
      Response.json({ access_token: 'a', refresh_token: 'r', scope: 's' }),
    )
    const answer = await fetch('https://api.example/')
    expect(await answer.json()).toEqual({ access_token: 'a', refresh_token: 'r', scope: 's' })
    expect(seen).toEqual([
      { kind: 'access token', value: 'a' },
      { kind: 'refresh token', value: 'r' },
    ])
  })

  it.each(['', 'null', '[1]', '<html>', '{"access_token":7}'])(
    'takes %j as an answer without a token',
    async (body) => {
      const { fetch, seen } = recordTokens(async () => new Response(body))
      expect(await (await fetch('https://api.example/')).text()).toBe(body)
      expect(seen).toEqual([])
    },
  )
})
