import {
  type PostgresClient,
  postgresKeyRingStore,
  postgresRefreshStore,
  postgresRevocations,
} from '@coffer/jwt/postgres'
import { describe, expect, test } from 'vitest'
import { grant } from '../issue/support.js'
import { issuer, start } from '../support.js'

/** A client that answers every query with the same row. */
const answering = (row: Record<string, unknown>): PostgresClient => ({ query: async () => ({ rows: [row] }) })
const family = {
  id: 'f1',
  family_grant: JSON.stringify(grant),
  phase: 'live',
  generation: 1,
  current_hash: 'ab',
  previous_hash: null,
  salt: null,
  rotated_age_ms: 5,
}
const read = (changes: object) =>
  postgresRefreshStore({ client: answering({ ...family, ...changes }), issuer }).read('f1')

describe('a row of a family', () => {
  test('is read with numbers as text, and hashes as hex', async () => {
    expect(await read({ generation: '7', rotated_age_ms: '1.5', previous_hash: '', salt: '00ff' })).toEqual({
      id: 'f1',
      grant,
      phase: 'live',
      generation: 7,
      current: Uint8Array.of(0xab),
      previous: new Uint8Array(0),
      salt: Uint8Array.of(0, 255),
      rotatedAgeMs: 1.5,
    })
  })
  test.each([
    { phase: 'other' },
    { phase: undefined },
    { id: 1 },
    { id: null },
    { family_grant: '{' },
    { family_grant: '{"subject":"a","subject":"b"}' },
    { family_grant: { subject: 'a' } },
    { generation: 'many' },
    { generation: null },
    { generation: Number.NaN },
    { rotated_age_ms: 'Infinity' },
    { current_hash: 'abc' },
    { current_hash: 'zz' },
    { current_hash: null },
    { current_hash: Uint8Array.of(1) },
    { previous_hash: 'x' },
    { salt: 'AB' },
  ])('of another shape is no family: %j', async (changes) => {
    await expect(read(changes)).rejects.toThrow(/a row has no such/)
  })
})

describe('a row of a key ring', () => {
  const ring = (row: Record<string, unknown>) => postgresKeyRingStore({ client: answering(row), issuer }).read()
  test('has a version and a body', async () => {
    expect(await ring({ version: '3', body: '{}' })).toEqual({ version: 3, body: '{}' })
    for (const row of [{ version: 'x', body: '{}' }, { version: 3, body: null }, {}])
      await expect(ring(row)).rejects.toThrow(/a row has no such/)
  })
})

describe('a revocation of the feed', () => {
  const load = async (row: Record<string, unknown>) => [
    ...(await postgresRevocations({ client: answering(row), issuer }).load(AbortSignal.any([]))),
  ]
  test('is read by its kind', async () => {
    expect(await load({ kind: 'issuer', value: '', at_ms: '5' })).toEqual([{ kind: 'issuer', issuer, at: 5 }])
    expect(await load({ kind: 'token', value: 'j', at_ms: 5 })).toEqual([{ kind: 'token', issuer, value: 'j', at: 5 }])
    for (const row of [{ kind: 'all' }, { kind: 1 }, { kind: 'token', at_ms: 5 }, { kind: 'token', value: 'j' }])
      await expect(load(row)).rejects.toThrow(/a row has no such/)
  })
  test('of another issuer is not stored here', async () => {
    const feed = postgresRevocations({ client: answering({}), issuer })
    await expect(feed.publish?.({ kind: 'issuer', issuer: 'https://other.example', at: start })).rejects.toThrow(
      TypeError,
    )
    await expect(feed.publish?.({ kind: 'issuer', issuer, at: start })).resolves.toBeUndefined()
  })
  test('is heard of this issuer only, and what is no message is not heard', async () => {
    const heard: unknown[] = []
    let tell: (payload: string) => void = () => undefined
    const listen = async (_: string, onMessage: (payload: string) => void) => {
      tell = onMessage
    }
    const feed = postgresRevocations({ client: answering({}), issuer, listen })
    const on = {
      revoked: (one: unknown) => void heard.push(one),
      changed: () => void heard.push('changed'),
      lost: () => void heard.push('lost'),
    }
    await feed.subscribe?.(on, AbortSignal.any([]))
    for (const payload of ['', 'x', '[]', '{"issuer":"https://other.example","kind":"issuer","at":1}', '{"issuer":1}'])
      tell(payload)
    expect(heard).toEqual([])
    tell(JSON.stringify({ issuer, kind: 'issuer', at: 1 }))
    tell(JSON.stringify({ issuer, kind: 'session', value: 's', at: 1 }))
    tell(JSON.stringify({ issuer, kind: 'session', at: 'soon', value: 's' }))
    tell(JSON.stringify({ issuer }))
    expect(heard).toEqual([
      { kind: 'issuer', issuer, at: 1 },
      { kind: 'session', issuer, value: 's', at: 1 },
      'changed',
      'changed',
    ])
  })
})
