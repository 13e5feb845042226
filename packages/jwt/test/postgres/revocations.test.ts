import { createRevocationIndex } from '@coffer/jwt'
import { postgresRevocations } from '@coffer/jwt/postgres'
import { expect, test } from 'vitest'
import { issuer, start } from '../support.js'

test('a message too long to name its revocation starts a load, and no further subscription', async () => {
  const hears: ((payload: string) => void)[] = []
  const payloads: unknown[] = []
  let loads = 0
  const client = {
    async query(text: string, values: unknown[]) {
      if (text.startsWith('SELECT')) loads++
      else payloads.push(values[6])
      return { rows: [] }
    },
  }
  const listen = async (_channel: string, onMessage: (payload: string) => void) => void hears.push(onMessage)
  const clock = { now: () => start }
  const feed = postgresRevocations({ client, issuer, listen, clock })
  const revocation = createRevocationIndex({ onUnavailable: 'refuse', feed, clock, timers: null })
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  await revocation.ready()
  await settle()
  const before = loads
  for (let i = 0; i < 4; i++) {
    await revocation.revoke({ kind: 'subject', issuer, value: `${i}`.padEnd(7_500, 'x'), at: start })
    for (const hear of hears) hear(String(payloads.at(-1)))
    await settle()
  }
  expect(payloads).toEqual(Array.from({ length: 4 }, () => JSON.stringify({ issuer })))
  expect(loads).toBe(before + 4)
  expect(hears).toHaveLength(1)
})
