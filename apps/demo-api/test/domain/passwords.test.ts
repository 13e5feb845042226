import { describe, expect, test } from 'vitest'
import { createPasswords, isAcceptablePassword } from '../../src/auth/passwords.js'
import { samplePassword, sampleTenants } from '../../src/seed/samples.js'

describe('passwords', () => {
  test('are hashed with argon2id at 46 MiB, one pass, one lane', async () => {
    const passwords = await createPasswords({ concurrency: 1 })
    const hash = await passwords.hash('correct horse 7')
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=47104,t=1,p=1\$/)
    // NFC: the composed and the decomposed spelling are one password.
    const accented = await passwords.hash('café horse 77')
    expect(await passwords.verify(accented, 'cafe\u0301 horse 77')).toBe(true)
    expect(await passwords.verify(hash, 'correct horse 8')).toBe(false)
    expect(await passwords.verify(null, 'correct horse 7')).toBe(false)
  })

  test('wait in a bounded queue; past it they are refused before any work', async () => {
    const passwords = await createPasswords({ concurrency: 1, maxWaiting: 2 })
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => passwords.verify(null, 'x')))
    const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason.code)
    expect(refused).toEqual(['overloaded', 'overloaded'])
    expect(await passwords.verify(null, 'x')).toBe(false)
  })

  const context = { email: 'ada.maker@example.com', tenant: 'acme' }
  test.each([
    ['a2345678901', false],
    ['a23456789012', true],
    [`a1${'x'.repeat(126)}`, true],
    [`a1${'x'.repeat(127)}`, false],
    ['abcdefghijkl', false],
    ['123456789012', false],
    ['my ADA.MAKER 1', false],
    ['it is Acme 123', false],
    ['FinCode 12345', false],
    ['пароль1234567', true],
  ])('%s is acceptable: %s', (text, acceptable) => {
    expect(isAcceptablePassword(text, context)).toBe(acceptable)
  })

  test('of the demo are acceptable and differ from install to install', () => {
    for (const { slug, users } of sampleTenants) {
      for (const { email } of users) {
        const one = samplePassword(new Uint8Array(32).fill(1), email)
        expect(isAcceptablePassword(one, { email, tenant: slug })).toBe(true)
        expect(samplePassword(new Uint8Array(32).fill(1), email)).toBe(one)
        expect(samplePassword(new Uint8Array(32).fill(2), email)).not.toBe(one)
      }
    }
  })
})
