import { describe, expect, it } from 'vitest'
import { findPlanted, type Planted } from '../src/tour/search-dump.js'

const planted: readonly Planted[] = [
  { kind: 'name', value: 'Adaeze Okonkwo' },
  { kind: 'e-mail', value: 'adaeze.okonkwo+7@example.com' },
  { kind: 'phone', value: '+447700900123' },
  { kind: 'card number', value: '4242424242424242' },
]

const utf8 = (value: string) => Buffer.from(value, 'utf8')

describe('the search of a dump', () => {
  it('finds nothing where nothing is', () => {
    expect(findPlanted(['{"name":"fle1.AAAA","bin":"424242","last4":"4242"}', ''], planted)).toEqual([])
  })

  it.each(planted.map(({ kind, value }) => [kind, value] as const))(
    'finds a %s as it is, and in either case',
    (kind, value) => {
      expect(findPlanted(['{}', `{"x":"${value}"}`, `<${value.toUpperCase()}>`], planted)).toEqual([
        { kind, form: 'plain', row: 1 },
        { kind, form: 'plain', row: 2 },
      ])
    },
  )

  it.each([
    ['hex', (value: string) => utf8(value).toString('hex').toUpperCase()],
    ['percent-encoded', (value: string) => encodeURIComponent(value)],
    ['base64', (value: string) => utf8(value).toString('base64')],
    ['base64', (value: string) => utf8(`1${value}2`).toString('base64')],
    ['base64', (value: string) => utf8(`12${value}345`).toString('base64')],
    ['base64url', (value: string) => utf8(`{"n":"${value}"}`).toString('base64url')],
  ])('finds each value as %s, whatever stands around it', (_, encode) => {
    for (const { kind, value } of planted) {
      const hits = findPlanted([`prefix ${encode(value)} suffix`], planted)
      expect(hits.map((hit) => hit.kind)).toContain(kind)
    }
  })

  it('finds a value with quotes inside a document that is text inside JSON', () => {
    const value = 'Ada "Zee" Obi'
    const row = JSON.stringify({ body: JSON.stringify({ name: value }) })
    expect(findPlanted([row], [{ kind: 'name', value }])).toMatchObject([{ form: 'escaped' }])
  })

  it('counts every place', () => {
    expect(findPlanted(['4242424242424242 4242424242424242'], planted)).toHaveLength(2)
  })

  it('refuses a value that would be found by chance', () => {
    expect(() => findPlanted([], [{ kind: 'name', value: 'Ada O' }])).toThrow(RangeError)
    expect(findPlanted([], [{ kind: 'name', value: 'Ada Ob' }])).toEqual([])
  })
})
