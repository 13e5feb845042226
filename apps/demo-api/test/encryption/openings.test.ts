import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Database, Transaction } from '../../src/db/transaction.js'
import { createOpeningGate } from '../../src/encryption/opening-gate.js'
import type { OpeningRequest } from '../../src/encryption/opening-records.js'
import { createOpenings, type OpeningTransaction } from '../../src/encryption/openings.js'
import { type Purpose, purposes } from '../../src/encryption/purposes.js'
import { newUuid } from '../../src/http/identifier.js'
import type { RouteDependencies } from '../../src/routes/dependencies.js'
import { manualClock } from '../http/api.js'

const tenantId = newUuid(1)
const bound = { id: newUuid(2), tenantId }

/** A database that keeps what is committed; `newest` is the version of the tenant's newest data key. */
function fakeDatabase() {
  const state = {
    newest: 1,
    failing: false,
    committed: [] as string[][],
    spent: { fields: 0, oldest: null as Date | null },
  }
  const tenant: Database['tenant'] = async (_id, work) => {
    const statements: string[] = []
    const query = async (text: string, values: readonly unknown[] = []) => {
      if (state.failing && text.includes('app.openings')) throw new Error('disk full')
      statements.push(`${text} ${JSON.stringify(values)}`)
      return { rows: [text.includes('AS oldest') ? state.spent : { version: state.newest }] }
    }
    const result = await work({ query } as unknown as Transaction)
    state.committed.push(statements)
    return result
  }
  return { state, database: { tenant } as unknown as Database }
}

async function setUp() {
  const clock = manualClock()
  const gate = createOpeningGate()
  const keyring = await createTestKeyring()
  const cipher = createFieldCipher({ keyring, clock, purposes, onDecrypt: gate.onDecrypt })
  const people = cipher.table('people', { name: field.string() }, { bind: { tenant: 'tenantId', row: 'id' } })
  const { state, database } = fakeDatabase()
  const ring = { loaded: 1, refreshes: 0, failing: false }
  const openings = createOpenings({
    database,
    gate,
    clock,
    open: async () => ({
      tables: people,
      ring: {
        version: () => ring.loaded,
        keyring: {
          refresh: async () => {
            ring.refreshes += 1
            if (ring.failing) throw new Error('the key service is down')
            ring.loaded = state.newest
          },
        },
      },
    }),
  })
  const request = (more: Partial<OpeningRequest> = {}): OpeningRequest => ({
    tenantId,
    actor: 'usr_a',
    requestId: 'req_a',
    permission: 'customer:read',
    decisionId: () => null,
    ...more,
  })
  const { name: stored } = people.encrypt({ ...bound, name: 'Ada' })
  const open = (tx: OpeningTransaction, purpose: Purpose, value = stored) =>
    tx.open(purpose, (as) => people.decryptField('name', value, bound, as))
  const run = async <T>(under: OpeningRequest, work: (tx: OpeningTransaction) => Promise<T>): Promise<T> => {
    const one = openings.for(under)
    await one.tables()
    return one.tenant(work)
  }
  return { clock, state, ring, openings, run, request, people, stored, open }
}

let made: Awaited<ReturnType<typeof setUp>>
beforeEach(async () => {
  made = await setUp()
})
const records = () => made.state.committed.flat().filter((text) => text.includes('INSERT INTO app.openings'))

describe('a field', () => {
  test('opens in a request that records it, and nowhere else', async () => {
    const { run, request, people, stored, open } = made
    const as = { purpose: 'display', actor: 'usr_a' } as const
    const outside = () => people.decryptField('name', stored, bound, as)
    expect(outside).toThrow(expect.objectContaining({ code: 'COFFER_FIELD_ENCRYPTION_AUDIT_FAILED' }))
    const inside = run(request(), async () => outside())
    await expect(inside).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_AUDIT_FAILED' })
    expect(records()).toEqual([])
    expect(await run(request(), async (tx) => open(tx, 'display'))).toBe('Ada')
    expect(records()).toHaveLength(1)
    expect(outside).toThrow(expect.objectContaining({ code: 'COFFER_FIELD_ENCRYPTION_AUDIT_FAILED' }))
  })

  test.each([
    ['reveal', 'card:read'],
    ['reveal', 'customer:update'],
    ['approve', 'payment:read'],
    ['rekey', 'customer:read'],
    ['rekey', 'self'],
  ] as const)('does not open for the purpose %s under the permission %s', async (purpose, permission) => {
    const { run, request, open } = made
    const attempt = run(request({ permission }), async (tx) => open(tx, purpose))
    await expect(attempt).rejects.toMatchObject({ code: 'permission-denied' })
    expect(records()).toEqual([])
  })

  test.each([
    ['reveal', 'card:reveal'],
    ['approve', 'payment:reject'],
    ['rekey', 'customer:update'],
    ['replay', 'card:create'],
    ['display', 'self'],
  ] as const)('opens for the purpose %s under the permission %s', async (purpose, permission) => {
    const { run, request, open } = made
    expect(await run(request({ permission }), async (tx) => open(tx, purpose))).toBe('Ada')
  })
})

describe('the record', () => {
  test('is refused: nothing is released, and the caller is told to come again', async () => {
    const { run, request, open, state } = made
    state.failing = true
    const attempt = run(request(), async (tx) => open(tx, 'display'))
    await expect(attempt).rejects.toMatchObject({ code: 'audit-unavailable' })
    expect(state.committed).toEqual([])
  })

  test('of what does not open is written although the request is undone', async () => {
    const { run, request, open, state } = made
    const forged = made.stored.slice(0, -4) + (made.stored.endsWith('AAAA') ? 'BBBB' : 'AAAA')
    const attempt = run(request(), async (tx) => {
      await tx.query('UPDATE something')
      open(tx, 'display')
      return open(tx, 'display', forged as typeof made.stored)
    })
    await expect(attempt).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED' })
    const [transaction] = state.committed
    expect(state.committed).toHaveLength(1)
    expect(transaction?.join()).toMatch(/"failure","COFFER_FIELD_ENCRYPTION_DECRYPTION_FAILED"/)
    expect(transaction?.join()).not.toContain('UPDATE something')
  })

  test('has one row for one kind of opening, and holds no value', async () => {
    const { run, request, people, state } = made
    const rows = people.encryptMany([1, 2, 3].map((n) => ({ id: newUuid(n), tenantId, name: `Person ${n}` })))
    await run(request(), async (tx) => rows.map((row) => tx.open('display', (as) => people.decrypt(row, as).name)))
    const [record = ''] = records()
    for (const { id } of rows) expect(record).toContain(id)
    expect(record.match(/\$15/)).toBeTruthy()
    expect(record).not.toMatch(/\$16|Person/)
    expect(state.committed).toHaveLength(1)
  })
})

describe('a budget', () => {
  test('is each caller’s own, holds before the database counts', async () => {
    const { run, clock, open } = made
    const reveal = (actor: string) =>
      run(made.request({ permission: 'card:reveal', actor }), async (tx) => open(tx, 'reveal'))
    for (let count = 0; count < 100; count += 1) await reveal('usr_a')
    await expect(reveal('usr_a')).rejects.toMatchObject({ code: 'rate-limited' })
    expect(await reveal('usr_b')).toBe('Ada')
    clock.advance(3_600_000)
    expect(await reveal('usr_a')).toBe('Ada')
  })

  test('is what the records of the last hour leave of it, to the field', async () => {
    const { run, clock, open, state } = made
    state.spent = { fields: 98, oldest: new Date(clock.now() - 600_000) }
    const reveal = (fields: number) =>
      run(made.request({ permission: 'card:reveal' }), async (tx) => {
        for (let count = 0; count < fields; count += 1) open(tx, 'reveal')
      })
    await reveal(2)
    const refused = { code: 'rate-limited', details: { retryAfterSeconds: 3_000 } }
    await expect(reveal(3)).rejects.toMatchObject(refused)
    expect(records().at(-1)).toMatch(/"success".*"failure","COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED"/)
    // Other permissions are not counted.
    expect(await run(made.request(), async (tx) => open(tx, 'display'))).toBe('Ada')
  })
})

describe('a data key that another process has added', () => {
  test('runs the work again on fresh keys, and nothing of the first run is kept', async () => {
    const { run, request, open, state, ring } = made
    let runs = 0
    const work = async (tx: OpeningTransaction) => {
      runs += 1
      if (runs === 1) state.newest = 2
      await tx.query(`run ${runs}`)
      return open(tx, 'display')
    }
    expect(await run(request(), work)).toBe('Ada')
    expect([runs, ring.refreshes, state.committed.length]).toEqual([2, 1, 1])
    expect(state.committed.flat().join()).not.toContain('run 1')
  })

  test('concerns no request that has taken no tables: it runs once, and stores nothing but its work', async () => {
    const { openings, request, state, ring } = made
    state.newest = 2
    await openings.for(request()).tenant((tx) => tx.query('UPDATE something'))
    expect([ring.refreshes, state.committed]).toEqual([0, [['UPDATE something []']]])
  })

  test('is given up after three runs', async () => {
    const { run, request, state, ring } = made
    let runs = 0
    const attempt = run(request(), async () => {
      runs += 1
      state.newest += 1
    })
    await expect(attempt).rejects.toMatchObject({ code: 'state-stale' })
    expect([runs, ring.refreshes]).toEqual([3, 2])
  })

  test.each([
    ['a newer key is stored', 2, 'state-stale'],
    ['a value names an unknown key', 1, 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN'],
  ])(
    'cannot be loaded although %s: what was opened is recorded alone, and the first error answers',
    async (_why, newest, code) => {
      const { run, request, open, stored, state, ring } = made
      ring.failing = true
      state.newest = newest
      const unknown = `fle1.01${'0a'.repeat(4)}${stored.slice(15)}` as typeof stored
      const attempt = run(request(), async (tx) => {
        await tx.query('UPDATE something')
        open(tx, 'display')
        if (newest === 1) open(tx, 'display', unknown)
      })
      await expect(attempt).rejects.toMatchObject({ code })
      expect([ring.refreshes, records().length]).toEqual([1, 1])
      expect(state.committed.flat().join()).not.toContain('UPDATE something')
    },
  )

  test('is looked for once when a value names a key that nobody has', async () => {
    const { run, request, open, stored, ring } = made
    const unknown = `fle1.01${'0a'.repeat(4)}${stored.slice(15)}` as typeof stored
    let runs = 0
    const attempt = run(request(), async (tx) => {
      runs += 1
      return open(tx, 'display', unknown)
    })
    await expect(attempt).rejects.toMatchObject({ code: 'COFFER_FIELD_ENCRYPTION_KEY_UNKNOWN' })
    expect([runs, ring.refreshes]).toEqual([1, 1])
    expect(records()).toHaveLength(1)
  })
})

test('a purpose that is not on the list does not compile', () => {
  const never = (tx: OpeningTransaction) => {
    // @ts-expect-error: no such purpose
    tx.open('curiosity', () => null)
    // @ts-expect-error: an inherited name is none either
    tx.open('toString', () => null)
  }
  expect(typeof never).toBe('function')
})

test('a route that takes tables from elsewhere than its context does not compile', () => {
  const never = ({ encryption }: RouteDependencies) => {
    // @ts-expect-error: those are held against no transaction
    encryption.tenant(tenantId)
    // @ts-expect-error: a request is recorded under its own context
    encryption.openings.for(made.request())
  }
  expect(typeof never).toBe('function')
})
