import { describe, expect, test } from 'vitest'
import { freshnessMs, retryAfterMs } from '../src/cache-control.js'

const bounds = { min: 60_000, max: 3_600_000, absent: 600_000 }

describe('how long a response is fresh (RFC 9111 §4.2)', () => {
  test.each<[string | null, string | null, number]>([
    [null, null, 600_000],
    ['public', null, 600_000],
    ['max-age=300', null, 300_000],
    ['public, MAX-AGE=300', null, 300_000],
    ['max-age="300"', null, 300_000],
    ['max-age=300', '100', 200_000],
    ['max-age=300', ' 100 ', 200_000],
    ['max-age=300', 'soon', 300_000],
    ['max-age=300', '299', 60_000],
    ['max-age=300, max-age=120', null, 120_000],
    ['max-age=0', null, 60_000],
    ['max-age', null, 60_000],
    ['max-age=-1', null, 60_000],
    ['max-age=1e9', null, 60_000],
    ['max-age=7200', null, 3_600_000],
    ['max-age=99999999999', null, 60_000],
    ['no-store', null, 60_000],
    ['max-age=300, no-cache', null, 60_000],
    ['no-cache="set-cookie", max-age=300', null, 60_000],
    ['no-stored, max-age=300', null, 300_000],
    ['must-revalidate, max-age=300', null, 300_000],
    ['s-maxage=10, max-age=300', null, 300_000],
  ])('%j of age %j: %d ms', (header, age, expected) => {
    expect(freshnessMs(header, age, bounds)).toBe(expected)
  })
})

describe('how long a server asks to wait (RFC 9110 §10.2.3)', () => {
  const now = Date.parse('Thu, 01 Jan 2026 00:00:00 GMT')
  test.each<[string | null, number]>([
    [null, 0],
    ['', 0],
    ['0', 0],
    ['30', 30_000],
    [' 30 ', 30_000],
    ['600', 600_000],
    ['601', 600_000],
    ['9999999999', 600_000],
    ['soon', 0],
    ['-5', 0],
    ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['Thu, 01 Jan 2026 03:00:00 GMT', 600_000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ])('%j: %d ms', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected)
  })
})
