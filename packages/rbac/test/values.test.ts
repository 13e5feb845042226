import { type Condition, compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { describe, expect, it } from 'vitest'
import { issuesOf } from './fixtures.js'

type Verdict = 'true' | 'false' | 'unknown'

const TYPES = {
  id: 'id?',
  text: 'string?',
  int: 'int?',
  int2: 'int?',
  bool: 'bool?',
  at: 'timestamp?',
  tag: ['a', 'b', '?'],
} as const

/** The verdict of a condition, as a trace shows it: no role, deny or reason stands between. */
function verdict(when: Condition, row: unknown, lists: Record<string, unknown> = {}, now = 0): Verdict | undefined {
  const policy = compilePolicy({
    policy: 'values',
    version: '1',
    subject: { ids: 'id[]?', ints: 'int[]?', words: 'string[]?' },
    resources: { row: { actions: ['read'], attributes: TYPES } },
    roles: { reader: { permit: [{ id: 'rule', permission: 'row:read', when }] } },
  } as PolicyDocument)
  const session = policy.session({ id: 'u', roles: ['reader'], attributes: lists }, { now })
  const { rules, reason } = session.explain('row:read', row as object)
  const by = { permitted: 'true', 'permit-not-met': 'false', 'permit-unknown': 'unknown' } as const
  expect(by[reason as keyof typeof by]).toBe(rules[0]?.verdict)
  expect(session.can('row:read', row as object)).toBe(reason === 'permitted')
  return rules[0]?.verdict
}

const BIG = 2n ** 63n
const YEAR_1 = Date.parse('0001-01-01T00:00:00Z')
const YEAR_9999 = Date.parse('9999-12-31T23:59:59.999Z')

describe('a value is taken as what it is', () => {
  it.each<[string, unknown, boolean]>([
    ['int', 0, true],
    ['int', -0, true],
    ['int', Number.MAX_SAFE_INTEGER, true],
    ['int', Number.MAX_SAFE_INTEGER + 1, false],
    ['int', Number.MIN_SAFE_INTEGER, true],
    ['int', Number.MIN_SAFE_INTEGER - 1, false],
    ['int', BIG - 1n, true],
    ['int', BIG, false],
    ['int', -BIG, true],
    ['int', -BIG - 1n, false],
    ['int', 0.5, false],
    ['int', Number.NaN, false],
    ['int', Number.POSITIVE_INFINITY, false],
    ['int', '1', false],
    ['int', true, false],
    ['int', [1], false],
    ['int', Object(1), false],
    ['at', YEAR_1, true],
    ['at', YEAR_1 - 1, false],
    ['at', YEAR_9999, true],
    ['at', YEAR_9999 + 1, false],
    ['at', new Date(0), true],
    ['at', new Date(Number.NaN), false],
    ['at', new Date(YEAR_9999 + 1), false],
    ['at', 0.5, false],
    ['at', 0n, false],
    ['at', '1970-01-01', false],
    ['at', { getTime: () => 0 }, false],
    ['bool', true, true],
    ['bool', false, true],
    ['bool', 1, false],
    ['bool', 'true', false],
    ['tag', 'a', true],
    ['tag', 'A', false],
    ['tag', '?', false],
    ['tag', 7, false],
    ['text', '', true],
    ['text', '😀', true],
    ['text', '\ud83d', false],
    ['text', '\ude00', false],
    ['text', '\ud83dx', false],
    ['text', '\ud83d\ud83d\ude00', false],
    ['text', '\ud7ff', true],
    ['text', '\ud800', false],
    ['text', '\ud800\udc00', true],
    ['text', '\ud800\udbff', false],
    ['text', '\ud800\ue000', false],
    ['text', '\udbff\udfff', true],
    ['text', '\udc00', false],
    ['text', '\udc00\udc00', false],
    ['text', '\udfff', false],
    ['text', '\ue000', true],
    ['text', 'x\ue000', true],
    ['text', 'x\0', false],
    ['text', 7, false],
    ['text', Object('x'), false],
    ['id', 'x', true],
    ['id', null, false],
  ])('%s, value %#', (name, value, isTyped) => {
    const some = { int: 5, at: 5, bool: true, tag: 'a', text: 'x', id: 'x' }[name] ?? 0
    const answer = verdict({ [`resource.${name}`]: { eq: some } }, { [name]: value })
    expect(answer === 'unknown').toBe(!isTyped)
  })
})

it('a proxy of a date is no instant: it could answer differently each time', () => {
  expect(verdict({ 'resource.at': { eq: 0 } }, { at: new Proxy(new Date(0), {}) })).toBe('unknown')
})

describe('a comparison', () => {
  const int = (op: string, left: unknown, right: unknown) =>
    verdict({ 'resource.int': { [op]: '$resource.int2' } } as Condition, { int: left, int2: right })

  it.each<[string, Verdict, Verdict, Verdict]>([
    ['eq', 'false', 'true', 'false'],
    ['ne', 'true', 'false', 'true'],
    ['lt', 'true', 'false', 'false'],
    ['lte', 'true', 'true', 'false'],
    ['gt', 'false', 'false', 'true'],
    ['gte', 'false', 'true', 'true'],
  ])('%s of 4, 5 and 6 with 5', (op, below, equal, above) => {
    expect([int(op, 4, 5), int(op, 5, 5), int(op, 6, 5)]).toEqual([below, equal, above])
    expect([int(op, 4n, 5), int(op, 5n, 5), int(op, 6, 5n)]).toEqual([below, equal, above])
  })

  it('is mathematical between a number and a bigint that no number holds', () => {
    const past = 2n ** 53n + 1n
    expect([int('eq', Number.MAX_SAFE_INTEGER, past), int('lt', Number.MAX_SAFE_INTEGER, past)]).toEqual([
      'false',
      'true',
    ])
    expect(int('eq', past, past + 0n)).toBe('true')
    expect(int('eq', -0, 0)).toBe('true')
    expect([int('eq', 5, 5n), int('eq', 5n, 5), int('eq', 5, 6n), int('eq', 5n, 6n)]).toEqual([
      'true',
      'true',
      'false',
      'false',
    ])
  })

  it('with a missing side is unknown, on whichever side', () => {
    for (const op of ['eq', 'ne', 'lt', 'lte', 'gt', 'gte'])
      expect([int(op, undefined, 5), int(op, 5, null), int(op, null, undefined)]).toEqual([
        'unknown',
        'unknown',
        'unknown',
      ])
    expect(verdict({ 'resource.int': { eq: 5 } }, undefined)).toBe('unknown')
    expect(verdict({ 'resource.int': { eq: 5 } }, 'no object')).toBe('unknown')
    expect(verdict({ 'resource.int': { eq: 5 } }, Object.create({ int: 5 }))).toBe('unknown')
  })

  it('of text is code unit by code unit', () => {
    const text = (value: string) => verdict({ 'resource.text': { eq: 'é' } }, { text: value })
    expect([text('é'), text('e\u0301'), text('É')]).toEqual(['true', 'false', 'false'])
    expect(verdict({ 'resource.text': { eq: '$$x' } }, { text: '$x' })).toBe('true')
  })
})

describe('two attributes', () => {
  const types = { one: 'id', two: 'id?', text: 'string', tag: ['a', 'b'], back: ['b', 'a'], other: ['a', 'c'] }
  const resource = (attributes: object) => ({ actions: ['read'], attributes })
  const codes = (resources: object, when: object) =>
    issuesOf({
      policy: 'pairs',
      version: '1',
      resources,
      roles: { r: { permit: [{ id: 'p', permission: '*:read', when }] } },
    }).map((issue) => issue.code)

  it.each([
    ['one', 'two', true],
    ['one', 'text', false],
    ['tag', 'back', true],
    ['tag', 'other', false],
    ['tag', 'text', false],
  ])('%s and %s compare: %s', (left, right, isSame) => {
    const when = { [`resource.${left}`]: { eq: `$resource.${right}` } }
    expect(codes({ note: resource(types) }, when)).toEqual(isSame ? [] : ['operand-type'])
  })

  it.each([
    ['one', 'one', true],
    ['one', 'two', false],
    ['one', 'text', false],
    ['tag', 'back', true],
    ['tag', 'other', false],
  ] as const)('%s of one resource and %s of another are one to a rule over both: %s', (left, right, isSame) => {
    const over = { note: resource({ it: types[left] }), memo: resource({ it: types[right] }) }
    expect(codes(over, { 'resource.it': { eq: 'a' } })).toEqual(isSame ? [] : ['attribute-type'])
    expect(codes({ ...over, more: resource({}) }, { 'resource.it': { eq: 'a' } })).toEqual([
      isSame ? 'attribute-unknown' : expect.stringMatching(/^attribute-(type|unknown)$/),
    ])
  })
})

describe('in', () => {
  const among = (list: unknown, value: unknown = 'x') =>
    verdict({ 'resource.id': { in: '$subject.ids' } }, { id: value }, { ids: list })

  it('is false in an empty list, unknown in one that is missing, ill-typed, or over 1,000', () => {
    expect([among([]), among(['y', 'x']), among(['y'])]).toEqual(['false', 'true', 'false'])
    expect([among(undefined), among(null), among('x'), among({ 0: 'x', length: 1 })]).toEqual(Array(4).fill('unknown'))
    expect([among(['x', 7]), among(['x', null]), among(['x', undefined])]).toEqual(Array(3).fill('unknown'))
    const long = (length: number) => Array.from({ length }, () => 'x')
    expect([among(long(1000)), among(long(1001))]).toEqual(['true', 'unknown'])
    expect(among(['x'], null)).toBe('unknown')
    const throwing = new Proxy(['x'], {
      get: (list, key) => {
        if (key === '0') throw new Error('canary')
        return Reflect.get(list, key)
      },
    })
    const boundless = new Proxy(['x'], { get: (list, key) => (key === 'length' ? 'x' : Reflect.get(list, key)) })
    const spelt = new Proxy(['x'], { get: (list, key) => (key === 'length' ? '1' : Reflect.get(list, key)) })
    expect([among(throwing), among(boundless), among(spelt)]).toEqual(['unknown', 'unknown', 'unknown'])
    // It is there, whatever reading it brings.
    expect(verdict({ 'subject.ids': { exists: true } }, {}, { ids: throwing })).toBe('true')
    expect(among(['x', 'y'], 'Stryker was here')).toBe('false')
  })

  it('is true of each literal of a list in the document, and of no other', () => {
    const literal = (tag: string, list: readonly string[]) => verdict({ 'resource.text': { in: list } }, { text: tag })
    expect([literal('a', ['a', 'b']), literal('b', ['a', 'b']), literal('c', ['a', 'b'])]).toEqual([
      'true',
      'true',
      'false',
    ])
  })

  it('compares ints mathematically, and words with words', () => {
    const ints = (list: unknown) => verdict({ 'resource.int': { in: '$subject.ints' } }, { int: 5n }, { ints: list })
    expect([ints([4, 5]), ints([4, 6n]), ints([5.5])]).toEqual(['true', 'false', 'unknown'])
    expect(verdict({ 'resource.text': { in: '$subject.words' } }, { text: 'x' }, { words: ['x'] })).toBe('true')
    expect(verdict({ 'resource.tag': { in: ['b'] } }, { tag: 'a' })).toBe('false')
  })
})

describe('exists', () => {
  const exists = (expected: boolean, row: object) => verdict({ 'resource.int': { exists: expected } }, row)
  const throwing = Object.defineProperty({}, 'int', {
    get: () => {
      throw new Error('canary')
    },
  })

  it('asks for presence alone, whatever the type, and is unknown only where reading throws', () => {
    for (const value of [0, '', false, 'ill-typed', {}])
      expect([exists(true, { int: value }), exists(false, { int: value })]).toEqual(['true', 'false'])
    for (const row of [{}, { int: undefined }, { int: null }])
      expect([exists(true, row), exists(false, row)]).toEqual(['false', 'true'])
    expect([exists(true, throwing), exists(false, throwing)]).toEqual(['unknown', 'unknown'])
    expect(verdict({ 'resource.int': { eq: 5 } }, throwing)).toBe('unknown')
  })

  it('reads what its path says, of the subject, the context or the row, where all have the name', () => {
    const compiled = compilePolicy({
      policy: 'places',
      version: '1',
      subject: { flag: 'int?' },
      context: { flag: 'int?', id: 'id?' },
      resources: { row: { actions: ['read'], attributes: { flag: 'int?', id: 'id?' } } },
      roles: {
        reader: {
          permit: ['subject', 'context', 'resource'].flatMap((root) => [
            { id: `${root}-is`, permission: 'row:read', when: { [`${root}.flag`]: { exists: true } } },
            { id: `${root}-is-5`, permission: 'row:read', when: { [`${root}.flag`]: { eq: 5 } } },
            { id: `${root}-id`, permission: 'row:read', when: { [`${root}.id`]: { exists: true } } },
          ]),
        },
      },
    } as PolicyDocument)
    const truths = (attributes: object | undefined, row: unknown, context: unknown) =>
      compiled
        .session({ id: 'u', roles: ['reader'], ...(attributes && { attributes }) } as never)
        .explain('row:read', row as never, context as never)
        .rules.filter(({ verdict: found }) => found === 'true')
        .map(({ id }) => id)
    expect(truths({ flag: 5 }, {}, {})).toEqual(['subject-id', 'subject-is', 'subject-is-5'])
    expect(truths({ flag: 6 }, {}, { flag: 5, id: 'c' })).toEqual([
      'context-id',
      'context-is',
      'context-is-5',
      'subject-id',
      'subject-is',
    ])
    expect(truths(undefined, { flag: 5 }, { flag: 4 })).toEqual([
      'context-is',
      'resource-is',
      'resource-is-5',
      'subject-id',
    ])
    expect(truths(undefined, { id: 'r' }, null)).toEqual(['resource-id', 'subject-id'])
  })

  it('of an attribute of the subject is false where it is missing, and unknown where reading it throws', () => {
    const given = (lists: object) => verdict({ 'subject.words': { exists: true } }, {}, lists as never)
    const canary = { get: () => expect.unreachable(), enumerable: true }
    expect([given({ words: [] }), given({ words: 7 }), given({}), given({ words: null })]).toEqual([
      'true',
      'true',
      'false',
      'false',
    ])
    expect(given(Object.defineProperty({}, 'words', canary))).toBe('unknown')
    expect(verdict({ 'resource.int': { exists: false } }, null)).toBe('true')
  })

  it('of context.now is true, also outside the years in which it can be compared', () => {
    expect(verdict({ 'context.now': { exists: true } }, {}, {}, YEAR_9999 + 1)).toBe('true')
    expect(verdict({ 'context.now': { gt: 0 } }, {}, {}, YEAR_9999 + 1)).toBe('unknown')
    expect([
      verdict({ 'context.now': { gt: 0 } }, {}, {}, YEAR_9999),
      verdict({ 'context.now': { gt: 0 } }, {}, {}, 0),
    ]).toEqual(['true', 'false'])
  })
})

describe("Kleene's tables", () => {
  const OF: Readonly<Record<Verdict, Condition>> = {
    true: { 'resource.int': { eq: 5 } },
    false: { 'resource.int': { eq: 6 } },
    unknown: { 'resource.int2': { eq: 5 } },
  }
  const order: readonly Verdict[] = ['false', 'unknown', 'true']
  const row = { int: 5 }

  it('all is the least, any the greatest, not the other way round', () => {
    for (const left of order) {
      expect(verdict({ not: OF[left] }, row)).toBe(order[2 - order.indexOf(left)])
      expect([verdict({ all: [OF[left]] }, row), verdict({ any: [OF[left]] }, row)]).toEqual([left, left])
      for (const right of order) {
        const [a, b] = [order.indexOf(left), order.indexOf(right)]
        expect(verdict({ all: [OF[left], OF[right]] }, row)).toBe(order[Math.min(a, b)])
        expect(verdict({ any: [OF[left], OF[right]] }, row)).toBe(order[Math.max(a, b)])
      }
    }
  })
})
