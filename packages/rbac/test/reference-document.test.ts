import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compilePolicy, type PolicyDocument } from '@coffer/rbac'
import { expect, it } from 'vitest'

const textOf = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')
const reference = textOf('../docs/policy-document.md')

/** Every key that the schema knows, and every text of its closed lists. */
function wordsOf(schema: unknown, words = new Set<string>()): ReadonlySet<string> {
  if (typeof schema !== 'object' || schema === null) return words
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') for (const name of Object.keys(value)) words.add(name)
    if (key === 'enum') for (const text of value) words.add(String(text).replace('?', ''))
    wordsOf(value, words)
  }
  return words
}

/** A test names the reason of a decision; reasons are no part of the document. */
const REASON = /^(unknown-permission|session-expired|separation-of-duty|no-permit|outside-ceiling|deny|permit.*|denied)/

it('the reference of the document has every key and every choice of the schema', () => {
  const code = [...reference.matchAll(/`([^`]+)`/g)].map((span) => span[1]).join(' ')
  const shown = new Set(code.split(/[^\w$[\]]+/))
  const words = [...wordsOf(JSON.parse(textOf('../policy.schema.json')))].filter((word) => !REASON.test(word))
  expect(words.length).toBeGreaterThan(50)
  expect(words.filter((word) => !shown.has(word))).toEqual([])
})

it.each([
  [{}, ['open', 'tenant'], ['iban', 'pan']],
  [{ fields: ['*'] }, ['open', 'tenant'], []],
  [{ masked: ['*'] }, [], ['iban', 'pan']],
  [{ fields: ['*'], masked: ['iban'] }, ['open', 'tenant'], ['iban']],
  [{ masked: ['iban'] }, [], ['iban']],
  [{ fields: ['iban'] }, ['iban'], []],
])('a permit with %j shows %j in clear and %j masked, as the reference says', (named, clear, masked) => {
  const attributes = {
    tenant: 'id',
    open: 'bool',
    iban: { type: 'string', mask: 'last4' },
    pan: { type: 'id', mask: 'redact' },
  }
  const policy = compilePolicy({
    policy: 'fields',
    version: '1',
    resources: { card: { actions: ['read'], attributes } },
    roles: { reader: { permit: [{ id: 'r', permission: 'card:read', ...named }] } },
  } as PolicyDocument)
  expect(policy.session({ id: 'u', roles: ['reader'] }).fields('card:read', {})).toEqual({ clear, masked })
})
