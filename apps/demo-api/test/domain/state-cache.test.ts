import { describe, expect, test } from 'vitest'
import { createStateCache } from '../../src/auth/state-cache.js'
import { manualClock } from '../http/api.js'

describe('state held in memory', () => {
  test('is loaded once for many callers, re-read at its age and not a moment before', async () => {
    const clock = manualClock()
    let loads = 0
    const cache = createStateCache({ load: async () => ++loads, clock, max: 2, maxAgeMs: 1_000 })
    expect(await Promise.all([cache.get('a'), cache.get('a')])).toEqual([1, 1])
    clock.advance(999)
    expect(await cache.get('a')).toBe(1)
    clock.advance(1)
    expect(await cache.get('a')).toBe(2)
    clock.advance(-1)
    expect(await cache.get('a')).toBe(3)
  })

  test('does not keep what was read before a change, nor a failure, nor more than its bound', async () => {
    const clock = manualClock()
    const waiting: ((value: string) => void)[] = []
    const cache = createStateCache({
      load: () => new Promise<string>((resolve) => void waiting.push(resolve)),
      clock,
      max: 1,
      maxAgeMs: 1_000,
    })
    const before = cache.get('a')
    cache.invalidate('a')
    const after = cache.get('a')
    waiting[0]?.('old')
    waiting[1]?.('new')
    expect([await before, await after, await cache.get('a')]).toEqual(['old', 'new', 'new'])

    let attempts = 0
    const failing = createStateCache({
      load: async () => {
        attempts += 1
        if (attempts === 1) throw new Error('database gone')
        return attempts
      },
      clock,
      max: 1,
      maxAgeMs: 1_000,
    })
    await expect(failing.get('a')).rejects.toThrow('database gone')
    expect(await failing.get('a')).toBe(2)
    await failing.get('b')
    expect(await failing.get('a')).toBe(4)
  })
})
