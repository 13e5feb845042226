import { clientCredentials } from '@coffer/token-cache'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arrange, codeOf, minute } from './arrange.js'

const { COFFER_DEEP, COFFER_SEED } = process.env
const numRuns = COFFER_DEEP === '1' ? 20_000 : 100
const seed = COFFER_SEED === undefined ? Date.now() : Number(COFFER_SEED)
const keys = 4

test(`a handle kept for long sees what a new one sees, whatever became of its key (seed ${seed})`, async () => {
  const happening = fc.record({
    kind: fc.constantFrom('get', 'get', 'peek', 'reject', 'tick'),
    key: fc.nat(keys - 1),
    minutes: fc.constantFrom(1, 30, 50, 70),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 30 }), async (happenings) => {
      // One key fewer than are asked for, so that rows are emptied and used again.
      const { clock, tokens } = arrange((fake) => clientCredentials(fake.endpoint()), { max: keys - 1 })
      const kept = Array.from({ length: keys }, (_, key) => [0, 1].map(() => tokens.for({ scope: `s${key}` })))
      for (const { kind, key, minutes } of happenings) {
        const [handle] = kept[key] ?? []
        const token = handle?.peek()
        if (kind === 'get') expect(await codeOf(handle?.get() ?? Promise.reject())).toBe('resolved')
        else if (kind === 'reject' && token !== undefined) handle?.invalidate(token)
        else if (kind === 'tick') clock.tick(minutes * minute)
        for (const [at, handles] of kept.entries()) {
          const expected = tokens.for({ scope: `s${at}` }).peek()
          for (const one of handles) expect(one.peek()).toBe(expected)
        }
      }
    }),
    { numRuns, seed },
  )
}, 600_000)
