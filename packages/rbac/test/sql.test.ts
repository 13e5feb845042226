import { compilePolicy, type Filter, type Residual } from '@coffer/rbac'
import { toPostgres } from '@coffer/rbac/sql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, embedded, remote } from './database.js'
import { compiledOrNone, policy } from './fixtures.js'
import {
  anyPermission,
  context,
  document,
  IDS,
  INSTANTS,
  INTS,
  Random,
  subject,
  TAGS,
  TEXTS,
  UUIDS,
} from './generate.js'

const SEED = Number(process.env['COFFER_SEED'] ?? 20_261_123)
const DEEP = process.env['COFFER_DEEP'] === '1'
const TRIPLES = DEEP ? 100_000 : 12_000
const ROWS = 60

const TABLE = `
  create type tag as enum ('a', 'b', 'c', 'd');
  create table item (
    id int primary key, "tenantId" text, owner varchar(64), other_id uuid, amount bigint, floor smallint, tag tag, tag2 text,
    note text, mail text, open boolean, "dueAt" timestamptz(3), "madeAt" timestamptz(3)
  );`
const COLUMNS = [
  'tenantId',
  'owner',
  'other_id',
  'amount',
  'floor',
  'tag',
  'tag2',
  'note',
  'mail',
  'open',
  'dueAt',
  'madeAt',
]

function row(random: Random): readonly unknown[] {
  const some = <T>(values: readonly T[]): T | null => (random.chance(0.15) ? null : random.pick(values))
  const instants = [
    ...INSTANTS.map((ms) => new Date(ms).toISOString()),
    'infinity',
    '-infinity',
    '10000-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ]
  return [
    some(IDS),
    some(IDS),
    some(UUIDS),
    some([...INTS, '9007199254740993', '-9223372036854775808']),
    some(INTS),
    some([...TAGS, 'd']),
    some([...TAGS, 'zz']),
    some(TEXTS),
    some(TEXTS),
    some([true, false]),
    some(instants),
    some(instants),
  ]
}

async function fill(database: Database, random: Random): Promise<readonly Record<string, unknown>[]> {
  for (const statement of TABLE.split(';\n')) if (statement.trim() !== '') await database.query(statement)
  const places = COLUMNS.map((_, index) => `$${index + 2}`).join(', ')
  const names = COLUMNS.map((name) => `"${name}"`).join(', ')
  for (let id = 0; id < ROWS; id++)
    await database.query(`insert into item (id, ${names}) values ($1, ${places})`, [id, ...row(random)])
  const rows = await database.query('select * from item order by id')
  return rows.map(({ other_id, ...rest }) => ({ ...rest, other: other_id }))
}

interface Compared {
  readonly triples: number
  readonly conditions: number
  readonly differences: readonly string[]
}

/** A wrong lowering: of the residual, or of its text. */
interface Mutant {
  readonly residual: (residual: Residual) => Residual
  readonly text: (text: string) => string
}
const right: Mutant = { residual: (residual) => residual, text: (text) => text }

function walk(residual: Residual, change: Mutant['residual']): Residual {
  if ('all' in residual) return change({ all: residual.all.map((item) => walk(item, change)) })
  return change('any' in residual ? { any: residual.any.map((item) => walk(item, change)) } : residual)
}

/** Asks the database and the engine the same questions. */
async function compare(
  database: Database,
  rows: readonly Record<string, unknown>[],
  wanted: number,
  mutate: Mutant,
  atMost = 1000,
): Promise<Compared> {
  const differences: string[] = []
  let triples = 0
  let conditions = 0
  for (let round = 0; triples < wanted && differences.length < atMost; round++) {
    const random = new Random(SEED + round)
    const source = document(random)
    const compiled = compiledOrNone(source)
    if (compiled === undefined) continue
    for (let s = 0; s < 4; s++) {
      const session = compiled.session(subject(random, source), { now: random.pick(INSTANTS) })
      const permission = anyPermission(random) as never
      const surroundings = context(random)
      const filter = session.where(permission, surroundings)
      // What folds to all or nothing proves little: a sample of it suffices.
      if (filter.kind !== 'if' && random.chance(0.85)) continue
      const changed = filter.kind === 'if' ? { ...filter, condition: walk(filter.condition, mutate.residual) } : filter
      const { text: right, values } = toPostgres(changed, { alias: 'i', firstParameter: 2 })
      const text = mutate.text(right)
      const selected = await database.query(`select id from item i where i.id >= $1 and ${text} order by id`, [
        0,
        ...values,
      ])
      const permitted = rows.filter((entry) => session.can(permission, entry, surroundings))
      const [left, expected] = [selected, permitted].map((found) => found.map((entry) => entry['id']).join())
      if (left !== expected)
        differences.push(
          `round ${SEED + round}: selected ${left}; permitted ${expected}; ${text} ${JSON.stringify(values)}`,
        )
      if (filter.kind === 'if') conditions++
      triples += rows.length
    }
  }
  return { triples, conditions, differences }
}

describe('where on an embedded PostgreSQL', () => {
  let database: Database
  let rows: readonly Record<string, unknown>[]
  beforeAll(async () => {
    database = await embedded()
    rows = await fill(database, new Random(SEED))
  })
  afterAll(() => database.close())

  it(`selects exactly the rows that can permits, on ${TRIPLES} triples (seed ${SEED})`, async () => {
    const { triples, conditions, differences } = await compare(database, rows, TRIPLES, right)
    expect(differences).toEqual([])
    // Filters that fold to all or nothing prove little.
    expect(conditions).toBeGreaterThan(triples / ROWS / 5)
  }, 3_600_000)

  const column = (change: (leaf: Extract<Residual, { column: unknown }>) => Residual): Mutant => ({
    ...right,
    residual: (residual) => ('column' in residual ? change(residual) : residual),
  })
  it.each<[string, Mutant]>([
    [
      'a dropped member list',
      column((leaf) =>
        'values' in leaf && leaf.column.type === 'enum' ? { column: leaf.column, op: 'isNotNull' } : leaf,
      ),
    ],
    [
      'a dropped range',
      column((leaf) =>
        'value' in leaf && leaf.value === 253_402_300_799_999 ? { column: leaf.column, op: 'isNotNull' } : leaf,
      ),
    ],
    ['true and false swapped', column((leaf) => ('value' in leaf && leaf.op === 'eq' ? { ...leaf, op: 'ne' } : leaf))],
    [
      'a dropped guard against NULL',
      column((leaf) =>
        'column' in leaf && leaf.op === 'isNotNull' ? { any: [leaf, { column: leaf.column, op: 'isNull' }] } : leaf,
      ),
    ],
    ['all read as any', { ...right, residual: (residual) => ('all' in residual ? { any: residual.all } : residual) }],
    ['<> ANY for <> ALL', { ...right, text: (text) => text.replaceAll('<> ALL', '<> ANY') }],
    ['IS DISTINCT FROM for <>', { ...right, text: (text) => text.replace(/<>(?! ALL)/g, 'IS DISTINCT FROM') }],
    [
      'NOT (… = …) that takes NULL for false',
      { ...right, text: (text) => text.replace(/(i\."\w+") <> (\$\d+::\w+)/g, 'NOT ($1 = $2) IS TRUE OR $1 IS NULL') },
    ],
  ])('a filter with %s is caught', async (_name, mutant) => {
    const { differences } = await compare(database, rows, 60_000, mutant, 1)
    expect(differences.length).toBeGreaterThan(0)
  })
})

it('where on the PostgreSQL at DATABASE_URL', { timeout: 3_600_000 }, async (ctx) => {
  const url = process.env['DATABASE_URL']
  if (url === undefined) return ctx.skip('needs a PostgreSQL: set DATABASE_URL')
  const database = await remote(url)
  try {
    const rows = await fill(database, new Random(SEED))
    const { differences } = await compare(database, rows, DEEP ? 50_000 : 6000, right)
    expect(differences).toEqual([])
  } finally {
    await database.close()
  }
})

describe('toPostgres', () => {
  const session = (over: object = {}) =>
    policy.session({ id: 'v', tenant: 't1', roles: ['viewer'], ...over }, { now: 0 })

  it('writes one parenthesised expression with quoted columns and cast parameters', () => {
    expect(toPostgres(session().where('payment:read'), { alias: 'p', firstParameter: 2 })).toEqual({
      text: '(p."tenantId" = $2::text)',
      values: ['t1'],
    })
    expect(toPostgres({ kind: 'all' })).toEqual({ text: '(TRUE)', values: [] })
    expect(toPostgres({ kind: 'none', reason: 'denied' })).toEqual({ text: '(FALSE)', values: [] })
  })

  it('lets no column name out of its quotes', () => {
    const compiled = compilePolicy({
      policy: 'p',
      version: '1',
      resources: { note: { actions: ['read'], attributes: { a: { type: 'id', column: 'a" or true --' } } } },
      roles: { reader: { permit: [{ id: 'r', permission: 'note:read', when: { 'resource.a': { eq: 'x' } } }] } },
    })
    const filter = compiled.session({ id: 'u', roles: ['reader'] }).where('note:read')
    expect(toPostgres(filter).text).toBe('("a"" or true --" = $1::text)')
  })

  it('refuses more parameters than PostgreSQL takes', () => {
    const column = { name: 'a', type: 'int' } as const
    const any = (count: number): Filter => ({
      kind: 'if',
      condition: { any: Array.from({ length: count }, (_, value): Residual => ({ column, op: 'eq', value })) },
    })
    expect(toPostgres(any(65_535)).values).toHaveLength(65_535)
    expect(() => toPostgres(any(65_536))).toThrow(RangeError)
    expect(() => toPostgres(any(2), { firstParameter: 60_000 })).not.toThrow()
  })

  it('sends a bigint as its digits, and selects no row where no member of a closed list is left', () => {
    const filterOf = (when: object, attributes: object = {}) =>
      compilePolicy({
        policy: 'p',
        version: '1',
        subject: { limit: 'int?' },
        resources: { note: { actions: ['read'], attributes: { size: 'int', tag: ['a', 'b'] } } },
        roles: { reader: { permit: [{ id: 'r', permission: 'note:read', when: when as never }] } },
      })
        .session({ id: 'u', roles: ['reader'], attributes })
        .where('note:read')
    const limit = 9_007_199_254_740_993n
    expect(toPostgres(filterOf({ 'resource.size': { lte: '$subject.limit' } }, { limit }))).toEqual({
      text: '("size" <= $1::bigint)',
      values: ['9007199254740993'],
    })
    expect(filterOf({ not: { 'resource.tag': { in: ['b', 'a'] } } })).toEqual({
      kind: 'none',
      reason: 'permit-not-met',
    })
  })

  it('says why there is no row to select', () => {
    expect(session({ roles: [] }).where('payment:read')).toEqual({ kind: 'none', reason: 'no-permit' })
    expect(session({ tenant: undefined }).where('payment:read')).toEqual({ kind: 'none', reason: 'permit-unknown' })
    expect(session({ roles: ['maker', 'checker'] }).where('payment:read')).toEqual({
      kind: 'none',
      reason: 'separation-of-duty',
    })
    expect(session().where('payment:burn' as 'payment:read')).toEqual({ kind: 'none', reason: 'unknown-permission' })
    const checker = (assurance?: number) =>
      session({ roles: ['checker'], attributes: { limit: 1 }, ...(assurance !== undefined && { assurance }) })
    expect(checker(1).where('payment:approve')).toEqual({ kind: 'none', reason: 'denied' })
    expect(checker().where('payment:approve')).toEqual({ kind: 'none', reason: 'deny-unknown' })
    expect(checker(2).where('payment:approve').kind).toBe('if')
  })

  it('refuses an alias that is no identifier and a parameter number out of range', () => {
    for (const alias of ['', 'p;', '1p', 'p.q', 'p"', 'x'.repeat(64)])
      expect(() => toPostgres({ kind: 'all' }, { alias })).toThrow(TypeError)
    for (const firstParameter of [0, 60_001, 1.5, Number.NaN])
      expect(() => toPostgres({ kind: 'all' }, { firstParameter })).toThrow(RangeError)
    expect(toPostgres({ kind: 'all' }, { alias: 'x'.repeat(63), firstParameter: 60_000 }).text).toBe('(TRUE)')
  })
})
