import { backoffMs, defineLeasePolicy } from '@coffer/lease'
import { describe, expect, test } from 'vitest'

const policy = defineLeasePolicy()
const at = (failures: number, servable: boolean, leftMs: number, random = 0, retryAfterMs?: number): number =>
  backoffMs(policy, { failures, servable, leftMs, random, retryAfterMs })

describe('back-off', () => {
  test.each([
    [1, 500],
    [2, 1_000],
    [7, 30_000],
    [5_000, 30_000],
  ])('with nothing held, failure %i waits %i ms', (failures, expected) => {
    expect(at(failures, false, 0)).toBe(expected)
  })

  test.each([
    [1, 3_600_000, 5_000],
    [20, 3_600_000, 600_000],
    [20, 400_000, 100_000],
    [20, 8_000, 5_000],
    [20, 3_000, 3_000],
  ])('with a live value, failure %i and %i ms left waits %i ms', (failures, leftMs, expected) => {
    expect(at(failures, true, leftMs)).toBe(expected)
  })

  test('with a value past its end, or with nothing to serve, what is left of a life shortens nothing', () => {
    expect(at(1, true, 0)).toBe(5_000)
    expect(at(1, true, -1)).toBe(5_000)
    expect(at(7, false, 3_000)).toBe(30_000)
  })

  test('jitter shortens by at most its share', () => {
    expect(at(1, false, 0, 1)).toBe(250)
  })

  test.each([
    [0, 120_000],
    [1, 132_000],
  ])('a Retry-After is never shortened and with random %d lengthened by at most a tenth', (random, expected) => {
    expect(at(1, true, 3_600_000, random, 120_000)).toBe(expected)
  })

  test('a Retry-After above maxRetryAfterMs is cut, and a shorter one than our own delay changes nothing', () => {
    expect(at(1, false, 0, 0, 1e12)).toBe(3_600_000)
    expect(at(7, false, 0, 0, 1)).toBe(30_000)
  })

  test("'none' retries at once", () => {
    const none = defineLeasePolicy({ backoff: { empty: 'none' } })
    expect(backoffMs(none, { failures: 9, servable: false, leftMs: 0, random: 0 })).toBe(0)
  })
})
