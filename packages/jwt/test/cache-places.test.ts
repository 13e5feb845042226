import { afterEach, describe, expect, test, vi } from 'vitest'
import { type CacheEntry, VerifiedCache } from '../src/verified-cache.js'

const later = 1_000
afterEach(() => void vi.restoreAllMocks())
/** The smallest cache that an option allows has eight sets; this one has a single set, so every text meets every other. */
const oneSet = () => new VerifiedCache({ max: 8, maxAgeMs: 5 })

function entryOf(text: string, validUntil = later): CacheEntry & { readonly key: { epoch: number } } {
  return {
    text,
    token: { jti: text } as CacheEntry['token'] & { jti: string },
    resolved: undefined,
    validFrom: 0,
    validUntil,
    keys: {} as CacheEntry['keys'],
    key: { epoch: 0 } as CacheEntry['key'],
    keyEpoch: 0,
    policyEpoch: 0,
    revocable: {} as CacheEntry['revocable'],
    revocationEpoch: 0,
  }
}

/** Texts that differ where they are mixed, as signatures do. */
const textOf = (i: number): string => `a.b.${String(i * 7_919).padStart(12, 'x')}`

/** Eight live entries in one set, used in this order. */
function full() {
  const cache = oneSet()
  const entries = Array.from({ length: 8 }, (_, i) => entryOf(`token-number-${i}`))
  for (const entry of entries) cache.insert(entry, 0)
  return { cache, entries }
}

describe('a set of eight places', () => {
  test('holds eight entries, each found by its text', () => {
    const { cache, entries } = full()
    for (const entry of entries) expect(cache.find(entry.text)).toBe(entry)
    expect(cache).toMatchObject({ size: 8, evicted: 0, maxAgeMs: 5 })
  })

  test('gives a ninth the place of the one that was used longest ago', () => {
    const { cache, entries } = full()
    cache.find('token-number-0')
    cache.insert(entryOf('token-number-8'), 0)
    expect(cache.find('token-number-1')).toBeUndefined()
    for (const i of [0, 2, 3, 4, 5, 6, 7]) expect(cache.find(`token-number-${i}`)).toBe(entries[i])
    expect(cache).toMatchObject({ size: 8, evicted: 1 })
  })

  test.each([1, 7, 8, 9, 30])('takes a text that was found %i times for the last that was used', (times) => {
    const { cache } = full()
    for (let i = 0; i < times; i++) cache.find('token-number-0')
    cache.insert(entryOf('token-number-8'), 0)
    expect(cache.find('token-number-0')).toBeDefined()
    expect(cache.find('token-number-1')).toBeUndefined()
  })

  test('counts an insertion as a use', () => {
    const { cache } = full()
    for (let i = 8; i < 15; i++) cache.insert(entryOf(`token-number-${i}`), 0)
    for (let i = 0; i < 7; i++) expect(cache.find(`token-number-${i}`)).toBeUndefined()
    for (let i = 7; i < 15; i++) expect(cache.find(`token-number-${i}`)).toBeDefined()
    expect(cache).toMatchObject({ size: 8, evicted: 7 })
  })

  test('gives the same text its own place again', () => {
    const { cache } = full()
    const again = entryOf('token-number-3')
    cache.insert(again, 0)
    expect(cache.find('token-number-3')).toBe(again)
    expect(cache).toMatchObject({ size: 8, evicted: 0 })
    for (let i = 0; i < 8; i++) expect(cache.find(`token-number-${i}`)).toBeDefined()
  })

  test('gives a new text the place of one that has expired, from that moment on', () => {
    for (const [now, isDead] of [
      [499, false],
      [500, true],
      [501, true],
    ] as const) {
      const cache = oneSet()
      for (let i = 0; i < 8; i++) cache.insert(entryOf(`token-number-${i}`, i === 5 ? 500 : later), 0)
      cache.insert(entryOf('token-number-8'), now)
      expect(cache.find('token-number-5') === undefined).toBe(isDead)
      expect(cache.find('token-number-0') === undefined).toBe(!isDead)
      expect(cache).toMatchObject({ size: 8, evicted: isDead ? 0 : 1 })
    }
  })

  test('gives a new text the place of one whose key is gone', () => {
    const { cache, entries } = full()
    const [, , third] = entries
    if (third !== undefined) third.key.epoch++
    cache.insert(entryOf('token-number-8'), 0)
    expect(cache.find('token-number-2')).toBeUndefined()
    expect(cache.find('token-number-0')).toBeDefined()
    expect(cache).toMatchObject({ size: 8, evicted: 0 })
  })
})

describe('a cache', () => {
  test('has room for max entries in whole sets of eight', () => {
    for (const [max, room] of [
      [8, 8],
      [15, 8],
      [16, 16],
      [64, 64],
    ] as const) {
      const cache = new VerifiedCache({ max, maxAgeMs: 5 })
      for (let i = 0; i < 4_000; i++) cache.insert(entryOf(textOf(i)), 0)
      expect(cache.size).toBe(room)
      expect(cache.evicted).toBe(4_000 - room)
    }
  })

  test('tells texts apart that differ only before the characters it mixes', () => {
    const cache = oneSet()
    const entries = ['a', 'b', 'c'].map((first) => entryOf(`${first}.the-same-signature`))
    for (const entry of entries) cache.insert(entry, 0)
    for (const entry of entries) expect(cache.find(entry.text)).toBe(entry)
    expect(cache.find('d.the-same-signature')).toBeUndefined()
    expect(cache.size).toBe(3)
  })

  test('finds nothing where nothing is', () => {
    const cache = oneSet()
    for (const text of ['', 'a', 'a.b.c', 'x'.repeat(500)]) expect(cache.find(text)).toBeUndefined()
    expect(cache).toMatchObject({ size: 0, evicted: 0 })
  })

  test('spreads signatures evenly, whichever of their eight last characters but one differs', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    for (let at = 2; at <= 9; at++) {
      const cache = new VerifiedCache({ max: 4_096, maxAgeMs: 5 })
      const base = 'A'.repeat(20)
      const other = at === 9 ? 2 : at + 1
      // Two characters vary: 4096 texts over 512 sets of 8 leave about 5 in 6 of them in place when they spread evenly.
      for (const one of alphabet)
        for (const two of alphabet) {
          const text = [...base]
          text[base.length - at] = one
          text[base.length - other] = two
          cache.insert(entryOf(text.join('')), 0)
        }
      expect(cache.size, `character ${at} from the end`).toBeGreaterThan(3_000)
    }
  })

  test('places texts otherwise in every process, by each of two random words', () => {
    const kept = (...seed: readonly number[]) => {
      vi.spyOn(crypto, 'getRandomValues').mockImplementation((words) => {
        if (words instanceof Int32Array) words.set(seed)
        return words
      })
      const cache = new VerifiedCache({ max: 64, maxAgeMs: 5 })
      for (let i = 0; i < 200; i++) cache.insert(entryOf(textOf(i)), 0)
      return Array.from({ length: 200 }, (_, i) => cache.find(textOf(i)) !== undefined).join()
    }
    expect(kept(1, 1)).toBe(kept(1, 1))
    expect(kept(1, 1)).not.toBe(kept(99_999, 1))
    expect(kept(1, 1)).not.toBe(kept(1, 99_999))
  })
})
