import { expect, test } from 'vitest'
import { decodeBase64url, decodeByTable, encodeBase64url } from '../../src/base64url.js'
import type { KeySourceState } from '../../src/key-source.js'
import { type Revocation, RevocationEntries } from '../../src/revocation-entries.js'
import { parseStrictJson } from '../../src/strict-json.js'
import { type CacheEntry, VerifiedCache } from '../../src/verified-cache.js'
import { isDeep, type Random, seeded } from './random.js'
import { referenceJson } from './reference-json.js'

const names = [
  'a',
  'b',
  'aud',
  '\\u0061',
  '__proto__',
  '\\u005f_proto__',
  'é',
  '\\ud83d\\ude00',
  '\\ud83d',
  '',
  'constructor',
]
const scalars = [
  '0',
  '-0',
  '1.5',
  '1e3',
  '1E400',
  '01',
  '9007199254740991',
  '9007199254740992',
  '-9007199254740993',
  '1e-9',
  'true',
  'null',
  '"x"',
  '"\\u0000"',
  '"\\ud800"',
  '"é"',
  '"\t"',
  '""',
  '.5',
  '+1',
  'NaN',
]
const junk = [',', ':', '{', '}', '[', ']', '"', '\\', ' ', '\n', '\u00a0', '\ufeff', '0', 'e', '\u0001']

function json(random: Random, depth: number): string {
  const space = random.chance(0.2) ? random.pick([' ', '\n', '\t', '\r\n']) : ''
  if (depth === 0 || random.chance(0.3))
    return space + (random.chance(0.8) ? random.pick(['1', '"s"', 'false', '[]', '{}']) : random.pick(scalars))
  const items = Array.from({ length: random.int(4) }, () => json(random, depth - 1))
  if (random.chance(0.4)) return `${space}[${items.join(',')}]`
  return `${space}{${items.map((item, i) => `"${random.chance(0.15) ? random.pick(names) : `m${i}`}"${space}:${item}`).join(',')}}`
}

function mutate(random: Random, text: string): string {
  const at = random.int(text.length + 1)
  if (random.chance(0.5)) return text.slice(0, at) + random.pick(junk) + text.slice(at)
  return text.slice(0, at) + text.slice(at + 1 + random.int(2))
}

test('strict JSON is what recursive descent says', () => {
  const random = seeded('strict JSON')
  let accepted = 0
  for (let i = 0; i < (isDeep ? 1_000_000 : 6_000); i++) {
    let text = `{"m":${json(random, 4)}}`
    for (let changes = random.int(3); changes > 0; changes--) text = mutate(random, text)
    const bytes = new TextEncoder().encode(text)
    if (random.chance(0.1)) bytes[random.int(bytes.length)] = random.int(256)
    const depth = random.chance(0.5) ? 32 : 3
    const parsed = parseStrictJson(bytes, depth)
    const reference = referenceJson(bytes, depth)
    if (parsed !== undefined || reference !== undefined) expect(parsed, text).toEqual(reference)
    if (parsed !== undefined) accepted++
  }
  expect(accepted).toBeGreaterThan(500)
}, 600_000)

test('base64url has one spelling, natively and by table', () => {
  const random = seeded('base64url')
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= \n.é\u200b'
  for (let i = 0; i < (isDeep ? 1_000_000 : 5_000); i++) {
    const bytes = Uint8Array.from({ length: random.int(40) }, () => random.int(256))
    const spelled = encodeBase64url(bytes)
    if (Buffer.compare(decodeByTable(spelled) ?? Buffer.alloc(99), bytes) !== 0)
      expect(decodeByTable(spelled)).toEqual(bytes)
    let other = spelled
    for (let changes = 1 + random.int(2); changes > 0; changes--) {
      const at = random.int(other.length + 1)
      other = other.slice(0, at) + random.pick([...alphabet]) + other.slice(at + random.int(2))
    }
    const native = decodeBase64url(other)
    const table = decodeByTable(other)
    if (native === undefined && table === undefined) continue
    const agrees = native !== undefined && table !== undefined && Buffer.compare(native, table) === 0
    if (!agrees || encodeBase64url(table) !== other) expect(native, other).toEqual(table)
  }
}, 600_000)

const keys: KeySourceState = {
  usable: () => undefined,
  usableUntil: () => 0,
  refuse: () => {
    throw new Error('unused')
  },
  load: () => Promise.resolve(),
  loadUnknown: () => undefined,
}

function entryOf(text: string, validUntil: number): CacheEntry {
  const key = { epoch: 0 } as CacheEntry['key']
  const token = { jti: text } as CacheEntry['token']
  const revocable = {
    issuer: '',
    subject: '',
    clientId: undefined,
    jti: undefined,
    sessionId: undefined,
    iat: undefined,
  }
  return {
    text,
    token,
    resolved: Promise.resolve(token),
    validFrom: 0,
    validUntil,
    keys,
    key,
    keyEpoch: 0,
    policyEpoch: 0,
    revocable,
    revocationEpoch: 0,
  }
}

test('the cache never finds what a Map would not, and holds what fits', () => {
  const random = seeded('cache')
  for (let round = 0; round < (isDeep ? 200 : 4); round++) {
    const cache = new VerifiedCache({ max: 256, maxAgeMs: 1_000 })
    const map = new Map<string, CacheEntry>()
    for (let i = 0; i < 2_000; i++) {
      // Few distinct texts, some of which differ only before the characters that are mixed.
      const text = `${random.int(8)}.payload.${'s'.repeat(random.int(3))}${String(random.int(200)).padStart(12, 'A')}`
      const found = cache.find(text)
      if (found !== undefined && found !== map.get(text)) expect(found).toBe(map.get(text))
      if (random.chance(0.5)) {
        const entry = entryOf(text, random.chance(0.1) ? 0 : 10)
        cache.insert(entry, 1)
        map.set(text, entry)
        if (cache.find(text) !== entry) expect(cache.find(text)).toBe(entry)
      }
    }
    expect(cache.size).toBeLessThanOrEqual(256)
  }
})

test('the revocation index says what a scan of all rows says', () => {
  const random = seeded('revocation')
  const retentionMs = 100_000
  for (let round = 0; round < (isDeep ? 10_000 : 100); round++) {
    const entries = new RevocationEntries(retentionMs, 1_000)
    const rows: Revocation[] = []
    let now = 1_000_000
    for (let i = 0; i < 60; i++) {
      now += random.int(8_000)
      const value = String(random.int(4))
      const issuer = random.pick(['i1', 'i2'])
      const at = now - random.int(5_000)
      if (random.chance(0.5)) {
        const kind = random.pick(['issuer', 'token', 'session', 'subject', 'client'] as const)
        const row: Revocation = kind === 'issuer' ? { kind, issuer, at } : { kind, issuer, value, at }
        if (kind === 'issuer' && random.chance(0.8)) continue
        rows.push(row)
        entries.add(row, now)
        continue
      }
      const token = {
        issuer,
        subject: value,
        clientId: random.chance(0.2) ? undefined : String(random.int(4)),
        jti: String(random.int(4)),
        sessionId: random.chance(0.5) ? undefined : String(random.int(4)),
        // Nothing that an entry could have forgotten is still alive.
        iat: random.chance(0.1) ? undefined : Math.floor((now - random.int(20_000)) / 1_000),
      }
      const live = rows.filter((row) => row.at + retentionMs > now)
      const expected = live.some((row) => isHit(row, token))
      const lapsed = rows.some((row) => row.at + retentionMs <= now && isHit(row, token))
      if (!lapsed) expect(entries.isRevoked(token)).toBe(expected)
      else if (expected) expect(entries.isRevoked(token)).toBe(true)
    }
  }
})

interface Token {
  readonly issuer: string
  readonly subject: string
  readonly clientId: string | undefined
  readonly jti: string | undefined
  readonly sessionId: string | undefined
  readonly iat: number | undefined
}

function isHit(row: Revocation, token: Token): boolean {
  if (row.issuer !== token.issuer) return false
  const isBefore = token.iat === undefined || token.iat <= Math.floor(row.at / 1_000)
  switch (row.kind) {
    case 'issuer':
      return isBefore
    case 'token':
      return row.value === token.jti
    case 'session':
      return row.value === token.sessionId
    case 'subject':
      return row.value === token.subject && isBefore
    case 'client':
      return row.value === token.clientId && isBefore
  }
}
