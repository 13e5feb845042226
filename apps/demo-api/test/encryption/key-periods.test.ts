import { describe, expect, test } from 'vitest'
import { isDue, planRotation, primaryAt, renewalDelayMs, rotationDelayMs } from '../../src/encryption/key-periods.js'

const dayMs = 86_400_000
const yearMs = 365 * dayMs
const monthMs = 30 * dayMs
const start = Date.UTC(2026, 0, 1)

function key(version: number, activeFrom = start, more: object = {}) {
  return {
    version,
    state: 'active' as const,
    createdAt: activeFrom,
    activeFrom,
    activeUntil: activeFrom + yearMs,
    ...more,
  }
}

describe('the key that encrypts', () => {
  test('encrypts from its first instant and no longer at its last', () => {
    const only = key(1)
    expect(primaryAt([only], start - 1)).toBeNull()
    expect(primaryAt([only], start)).toBe(only)
    expect(primaryAt([only], start + yearMs - 1)).toBe(only)
    expect(primaryAt([only], start + yearMs)).toBeNull()
  })

  test('is the newest that has begun; past its end no older one takes its place', () => {
    const keys = [key(1, start, { activeUntil: start + 2 * yearMs }), key(2)]
    expect(primaryAt(keys, start)).toBe(keys[1])
    expect(primaryAt(keys, start + yearMs)).toBeNull()
  })

  test('is none that is disabled, destroyed or for reading only', () => {
    for (const state of ['decrypt-only', 'disabled', 'destroyed']) {
      expect(primaryAt([key(1, start, { state })], start)).toBeNull()
    }
  })
})

describe('a keyring is due', () => {
  test('thirty days before the end of its key, and not a millisecond earlier', () => {
    const due = start + yearMs - monthMs
    expect([due - 1, due, due + 1].map((now) => isDue([key(1)], now))).toEqual([false, true, true])
  })

  test('not when a later key follows in time, and always when none encrypts', () => {
    const due = start + yearMs - monthMs
    expect(isDue([key(1), key(2, due + 1)], due + 1)).toBe(false)
    expect(isDue([], start)).toBe(true)
    expect(isDue([key(1)], start + 9 * yearMs)).toBe(true)
  })

  test('whatever a key from a clock that ran ahead says', () => {
    const ahead = key(2, start + 10 * yearMs)
    expect(isDue([key(1), ahead], start)).toBe(false)
    expect(isDue([key(1), ahead], start + yearMs - monthMs)).toBe(true)
  })
})

test('a renewed key waits two hours for the other processes, and not past the end of the one before', () => {
  const end = start + yearMs
  const delays = [end - 3 * 3_600_000, end - 3_600_000, end - 1, end, end + yearMs].map((now) =>
    renewalDelayMs([key(1)], now),
  )
  expect(delays).toEqual([7_200_000, 3_600_000, 1, 0, 0])
})

describe('a rotation that is asked for', () => {
  test('adds a key, and within a minute of another is the same', () => {
    const keys = [key(1), key(2, start + dayMs)]
    const made = start + dayMs
    expect([made, made + 59_999, made + 60_000].map((now) => planRotation(keys, now))).toEqual([
      'just-rotated',
      'just-rotated',
      'add',
    ])
  })

  test('adds one right after the first, which nobody asked for', () => {
    expect(planRotation([key(1)], start)).toBe('add')
    expect(planRotation([], start)).toBe('add')
  })

  test('is no key that does not encrypt yet', () => {
    const pending = key(2, start + 60_000, { createdAt: start })
    expect(planRotation([key(1), pending], start + 1)).toBe('add')
  })

  test('is the tenth of a day at most; the next one waits until the first of them is a day old', () => {
    const made = (count: number) => Array.from({ length: count }, (_, index) => key(index + 2, start + index * 60_000))
    const later = start + 9 * 60_000 + 60_000
    expect(planRotation([key(1, start - 1), ...made(9)], later)).toBe('add')
    const keys = [key(1, start - 1), ...made(10)]
    expect([later, start + dayMs - 1].map((now) => planRotation(keys, now))).toEqual(['too-often', 'too-often'])
    expect(rotationDelayMs(keys, start + dayMs - 1)).toBe(1)
    expect([planRotation(keys, start + dayMs), rotationDelayMs(keys, start + dayMs)]).toEqual(['add', 0])
    expect(planRotation([...keys, key(12, start + dayMs)], start + dayMs + 60_000)).toBe('add')
    expect(rotationDelayMs([...keys, key(12, start + dayMs)], start + dayMs)).toBe(60_000)
  })

  test('is not refused for keys of a clock that ran ahead', () => {
    const ahead = Array.from({ length: 20 }, (_, index) => key(index + 2, start + index * dayMs + dayMs))
    expect(planRotation([key(1), ...ahead], start + 1)).toBe('add')
  })

  test('leaves the last versions to the yearly key', () => {
    const later = start + dayMs
    expect(planRotation([key(199)], later)).toBe('add')
    expect(planRotation([key(200)], later)).toBe('used-up')
  })
})
