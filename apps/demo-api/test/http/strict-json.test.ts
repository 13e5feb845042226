import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../../src/http/problem.js'
import { parseStrictJson } from '../../src/http/strict-json.js'

const seed = Number(process.env['COFFER_SEED'] ?? 20_260_101)
const numRuns = process.env['COFFER_DEEP'] === '1' ? 100_000 : 1_000
const parse = (text: string) => parseStrictJson(new TextEncoder().encode(text))

/** Values that I-JSON can carry: no NUL, no lone surrogate, no minus zero, no member called __proto__. */
const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((value) => !value.includes('\0'))
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
})).value

describe(`a strict parse (seed ${seed})`, () => {
  it('gives what JSON.parse gives for every value that I-JSON carries', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(0, 2), (generated, indent) => {
        const written = JSON.stringify(generated, null, indent)
        expect(parse(written)).toEqual(JSON.parse(written))
      }),
      { seed, numRuns },
    )
  })

  it('refuses whatever JSON.parse refuses', () => {
    fc.assert(
      fc.property(
        value,
        fc.nat(),
        fc.constantFrom('{', '}', '"', ',', ':', '\\', 'x', '\u0001', ''),
        (generated, at, insert) => {
          const written = JSON.stringify(generated)
          const place = at % (written.length + 1)
          // The encoder would put U+FFFD where a cut has left half of a pair.
          const broken = (written.slice(0, place) + insert + written.slice(place + 1)).replace(/\p{Surrogate}/gu, '')
          let accepted: unknown
          try {
            accepted = JSON.parse(broken)
          } catch {
            expect(() => parse(broken)).toThrow(Problem)
            return
          }
          // Still JSON: then it may be refused, but never be read as something else.
          let strict: unknown
          try {
            strict = parse(broken)
          } catch (error) {
            expect(error).toBeInstanceOf(Problem)
            return
          }
          expect(strict).toEqual(accepted)
        },
      ),
      { seed, numRuns },
    )
  })

  it.each(['1', '1.0', '1e2', '0.1', '1.5e-7', '123456789012345', '1E+2', '0', '0.0', '100'])(
    'takes the number %s',
    (number) => {
      expect(parse(number)).toBe(Number(number))
    },
  )

  it.each([
    '-0',
    '-0.0',
    '-0e5',
    '1e400',
    '-1e400',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '1e-400',
  ])('refuses the number %s, which would become another one', (number) => {
    expect(() => parse(number)).toThrow(expect.objectContaining({ code: 'malformed-request' }))
  })

  it('judges a number of a megabyte of zeros in the time it takes to read it', () => {
    const zeros = '0'.repeat(1_000_000)
    const start = performance.now()
    for (const number of [`1.${zeros}1`, `1${zeros}1`, `0.${zeros}1`, `${'10'.repeat(500_000)}1`])
      expect(() => parse(number)).toThrow(Problem)
    expect([parse(`1.${zeros}`), parse(`1e${zeros}1`)]).toEqual([1, 10])
    // A pattern that looked at the run again from each of its zeros took minutes.
    expect(performance.now() - start).toBeLessThan(5_000)
  })
})
