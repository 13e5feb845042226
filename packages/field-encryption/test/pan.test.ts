import { inspect } from 'node:util'
import { createFieldCipher, type DataKeyRecord, type DecryptEvent } from '@coffer/field-encryption'
import { createPanTokenizer, maskPan, type PanKeep } from '@coffer/field-encryption/pan'
import { describe, expect, test } from 'vitest'
import { codeOf, deep, fakeClock, refusal, ringOf, start, twoKeys } from './fixtures.js'

const pan = '4111111111111111'
const acme = { tenant: 'acme' }

async function vault(edit: (record: DataKeyRecord) => DataKeyRecord = (record) => record) {
  const clock = fakeClock()
  const events: DecryptEvent[] = []
  const records = (await twoKeys(clock)).map(edit)
  const keyring = await ringOf(records, { clock })
  const cipher = createFieldCipher({
    keyring,
    clock,
    onDecrypt: (event) => events.push(event),
    purposes: { refund: {}, few: { budget: { fields: 1, windowMs: 1000 } } },
  })
  const keyId = records[0]?.id ?? ''
  const tokenizer = (keep: PanKeep, name = 'cards') => createPanTokenizer({ cipher, name, keyId, keep })
  return { clock, events, tokenizer, keyId, cipher }
}

function luhn(digits: string): boolean {
  const sum = Array.from(digits)
    .reverse()
    .map((digit, i) => Number(digit) * (i % 2 === 0 ? 1 : 2))
    .reduce((total, value) => total + (value > 9 ? value - 9 : value), 0)
  return sum % 10 === 0
}

/** The given digits with a last one that makes them pass Luhn. */
function withCheckDigit(digits: string): string {
  for (let last = 0; last < 10; last++) if (luhn(digits + last)) return digits + last
  throw new Error('no check digit')
}

describe('a mask', () => {
  test.each([
    [pan, 'last4', '************1111'],
    [pan, 'bin6-last4', '411111******1111'],
    [pan, 'bin8-last4', '41111111****1111'],
    [withCheckDigit('37828224631000'), 'bin6-last4', `378282*****${withCheckDigit('37828224631000').slice(-4)}`],
    [withCheckDigit('4111111111111'), 'bin6-last4', `411111****${withCheckDigit('4111111111111').slice(-4)}`],
    [withCheckDigit('411111111111'), 'bin6-last4', `*********${withCheckDigit('411111111111').slice(-4)}`],
    [withCheckDigit('37828224631000'), 'bin8-last4', `***********${withCheckDigit('37828224631000').slice(-4)}`],
  ] as const)('of %s shows %s as %s', (value, show, masked) => {
    expect(maskPan(value, { show })).toBe(masked)
  })

  test('shows the last four unless told', () => {
    expect(maskPan(pan)).toBe('************1111')
  })

  test.each([['4111 1111 1111 1111'], ['4111111111111112'], ['41111111111'], [''], ['41111111111111111111']])(
    'of %j is refused without the input in the error',
    (value) => {
      try {
        maskPan(value)
        expect.unreachable()
      } catch (error) {
        expect(codeOf(error)).toBe('PAN_INVALID')
        if (value !== '') expect(inspect(error)).not.toContain(value)
      }
    },
  )
})

describe('a token', () => {
  test.each([
    ['none', /^\d{16}$/],
    ['last4', /^\d{12}1111$/],
    ['bin6', /^411111\d{10}$/],
    ['bin8', /^41111111\d{8}$/],
    ['bin6-last4', /^411111\d{6}1111$/],
  ] as const)('with %s kept has the same length, fails Luhn and returns', async (keep, pattern) => {
    const { tokenizer } = await vault()
    const token = tokenizer(keep).tokenize(pan, acme)
    expect(token).toMatch(pattern)
    expect(luhn(token)).toBe(false)
    expect(tokenizer(keep).detokenize(token, acme, { purpose: 'refund' })).toBe(pan)
  })

  test('needs six free digits', async () => {
    const { tokenizer } = await vault()
    const amex = withCheckDigit('37828224631000')
    expect(refusal(() => tokenizer('bin8-last4').tokenize(pan, acme))).toBe('PAN_DOMAIN_TOO_SMALL')
    expect(refusal(() => tokenizer('bin6-last4').tokenize(amex, acme))).toBe('PAN_DOMAIN_TOO_SMALL')
    expect(refusal(() => tokenizer('bin8-last4').tokenize(withCheckDigit('4'.repeat(16)), acme))).toBe(
      'PAN_DOMAIN_TOO_SMALL',
    )
    expect(refusal(() => tokenizer('bin8-last4').tokenize(withCheckDigit('4'.repeat(17)), acme))).toBeNull()
  })

  test('differs by tenant and by name', async () => {
    const { tokenizer } = await vault()
    const token = tokenizer('none').tokenize(pan, acme)
    expect(tokenizer('none').tokenize(pan, { tenant: 'globex' })).not.toBe(token)
    expect(tokenizer('none').tokenize(pan, { tenant: null })).not.toBe(token)
    expect(tokenizer('none', 'refunds').tokenize(pan, acme)).not.toBe(token)
    expect(tokenizer('none').keyedHash(pan, acme)).toMatch(/^[0-9a-f]{64}$/)
    expect(tokenizer('none').keyedHash(pan, { tenant: 'globex' })).not.toBe(tokenizer('none').keyedHash(pan, acme))
  })

  test('that passes Luhn, is no number of digits, or decodes to no PAN is refused', async () => {
    const { tokenizer } = await vault()
    const open = (token: string) => refusal(() => tokenizer('none').detokenize(token, acme, { purpose: 'refund' }))
    expect(open(pan)).toBe('TOKEN_INVALID')
    expect(open('abc')).toBe('TOKEN_INVALID')
    const refused = Array.from({ length: 40 }, (_, i) => `41111111111111${10 + i}`)
      .filter((digits) => !luhn(digits))
      .map(open)
    expect(new Set(refused)).toContain('TOKEN_INVALID')
  })

  test('takes budget and is reported when it is opened', async () => {
    const { tokenizer, events, keyId } = await vault()
    const token = tokenizer('last4').tokenize(pan, acme)
    tokenizer('last4').detokenize(token, acme, { purpose: 'few', actor: 'eve' })
    expect(refusal(() => tokenizer('last4').detokenize(token, acme, { purpose: 'few', actor: 'eve' }))).toBe(
      'BUDGET_EXCEEDED',
    )
    expect(events).toMatchObject([
      { purpose: 'few', actor: 'eve', table: 'coffer/pan', fields: ['cards'], keyIds: [keyId], outcome: 'success' },
      { outcome: 'failure', code: 'COFFER_FIELD_ENCRYPTION_BUDGET_EXCEEDED' },
    ])
    expect(inspect(events, { depth: null })).not.toContain(pan)
    expect(refusal(() => tokenizer('last4').detokenize(token, acme, { purpose: 'audit' as 'few' }))).toBe('TypeError')
  })

  test('is made by an active key within its period only, and opened by a decrypt-only one', async () => {
    const active = await vault()
    const token = active.tokenizer('none').tokenize(pan, acme)
    expect(token).toHaveLength(16)
    const retired = await vault((record) => ({ ...record, state: 'decrypt-only' }))
    expect(refusal(() => retired.tokenizer('none').tokenize(pan, acme))).toBe('KEY_EXPIRED')
    expect(refusal(() => retired.tokenizer('none').keyedHash(pan, acme))).toBe('KEY_EXPIRED')
    expect(refusal(() => retired.tokenizer('none').detokenize(token, acme, { purpose: 'refund' }))).not.toBe(
      'KEY_EXPIRED',
    )
    const ending = await vault((record) => ({ ...record, activeUntil: start + 10 }))
    ending.clock.set(start + 9)
    expect(refusal(() => ending.tokenizer('none').tokenize(pan, acme))).toBeNull()
    ending.clock.set(start + 10)
    expect(refusal(() => ending.tokenizer('none').tokenize(pan, acme))).toBe('KEY_EXPIRED')
    const other = createPanTokenizer({ cipher: active.cipher, name: 'cards', keyId: 'ffffffff', keep: 'none' })
    expect(refusal(() => other.tokenize(pan, acme))).toBe('KEY_UNKNOWN')
  })
})

test(
  'the PANs of one BIN and last four have distinct tokens that fail Luhn and return',
  async () => {
    const { tokenizer } = await vault()
    const cards = tokenizer('bin6-last4')
    const tokens = new Set<string>()
    let count = 0
    for (let middle = 0; middle < (deep ? 1_000_000 : 10_000); middle++) {
      const candidate = `411111${String(middle).padStart(6, '0')}1111`
      if (!luhn(candidate)) continue
      const token = cards.tokenize(candidate, acme)
      if (luhn(token) || cards.detokenize(token, acme, { purpose: 'refund' }) !== candidate)
        throw new Error(`case ${middle}`)
      tokens.add(token)
      count += 1
    }
    expect(tokens.size).toBe(count)
    expect(count).toBe(deep ? 100_000 : 1000)
  },
  deep ? 600_000 : 20_000,
)
