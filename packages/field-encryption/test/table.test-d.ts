import {
  createFieldCipher,
  type Encrypted,
  type FieldEncryptionError,
  field,
  type Keyring,
  type PlainRow,
  type Redacted,
} from '@coffer/field-encryption'

declare const keyring: Keyring
declare const asyncKeyring: Keyring<'async'>

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : [never]): void {}

const cipher = createFieldCipher({
  keyring,
  purposes: { refund: {}, support: { budget: { fields: 5, windowMs: 1000 } } },
})
const cards = cipher.table(
  'cards',
  {
    pan: field.string({ maxBytes: 19 }),
    amount: field.bigint({ encoding: 'bytes' }),
    secret: field.string({ redacted: true }),
    hidden: field.integer({ nulls: 'hide' }),
    email: field.string({ mode: 'deterministic' }),
  },
  {
    bind: { tenant: 'tenantId', row: 'id', extra: ['version'] },
    indexes: { pan_eq: { on: ['pan'], bits: 64 }, both: { on: ['pan', 'email'], bits: 32, encoding: 'bytes' } },
  },
)
const columnOfPan = field.string()
const bindOfCards = { tenant: 'tenantId', row: 'id', extra: ['version'] } as const
const context = { tenantId: 'acme', id: 1, version: 2n }

// A row keeps its other properties, its columns become ciphertexts, indexes appear with their columns.
const stored = cards.encrypt({ ...context, pan: '4', amount: 1n, note: 'kept' })
same<typeof stored.pan, Encrypted<string>>()
same<typeof stored.amount, Encrypted<bigint, 'bytes'>>()
same<typeof stored.note, string>()
same<typeof stored.pan_eq, string | null>()
// @ts-expect-error the compound index needs email too
stored.both

const asText: string = stored.pan
// @ts-expect-error plaintext is not a ciphertext
const planted: Encrypted<string> = '4111111111111111'
// @ts-expect-error a ciphertext of another type is not this one
const confused: Encrypted<number> = stored.pan

// Nulls pass through where the column passes them.
const nullable = cards.encrypt({ ...context, pan: Math.random() > 2 ? 'x' : null, hidden: null })
same<typeof nullable.pan, Encrypted<string> | null>()
same<typeof nullable.hidden, Encrypted<number>>()

// Decrypt gives values, only of the fields that were asked for.
const opened = cards.decrypt({ ...context, pan: 'x', secret: 'x', hidden: 'x', pan_eq: 'x' }, { purpose: 'refund' })
same<typeof opened.pan, string>()
same<typeof opened.secret, Redacted<string>>()
same<typeof opened.hidden, number | null>()
// @ts-expect-error index tokens are left out
opened.pan_eq
const some = cards.decrypt({ ...context, pan: 'x', secret: 'x' }, { purpose: 'support', actor: 'a', fields: ['pan'] })
same<typeof some.pan, string>()
// @ts-expect-error a field that was not asked for is left out
some.secret

const results = cards.decryptMany([{ ...context, pan: 'x' }], { purpose: 'refund', onRowFailure: 'collect' })
for (const result of results) {
  if ('row' in result) same<typeof result.row.pan, string>()
  else same<typeof result.error, FieldEncryptionError>()
}

same<ReturnType<typeof cards.query<'pan_eq'>>, readonly string[]>()
cards.query('pan_eq', { tenantId: 'acme', pan: '4' })
cards.query('email', { tenantId: 'acme', email: 'a' })
cards.plan({ pan_eq: 5, email: 8 })

// @ts-expect-error a bound property is missing
cards.encrypt({ tenantId: 'acme', id: 1, pan: '4' })
// @ts-expect-error a bound property cannot be null
cards.encrypt({ ...context, id: null, pan: '4' })
// @ts-expect-error a wrong value type
cards.encrypt({ ...context, pan: 4 })
// Other properties pass through, so a misspelt column is one of them, unless the row is held to its type...
const misspelt = cards.encrypt({ ...context, pna: '4' })
// @ts-expect-error there is no such column
cards.encrypt({ ...context, pna: '4' } satisfies PlainRow<{ pan: typeof columnOfPan }, typeof bindOfCards>)
// ... or what it becomes is.
// @ts-expect-error the table of the database wants its ciphertext
const inserted: { readonly pan: Encrypted<string> } = misspelt
// @ts-expect-error an unknown purpose
cards.decrypt({ ...context, pan: 'x' }, { purpose: 'audit' })
// @ts-expect-error a purpose is required
cards.decrypt({ ...context, pan: 'x' }, {})
// @ts-expect-error an unknown field
cards.decrypt({ ...context, pan: 'x' }, { purpose: 'refund', fields: ['iban'] })
// @ts-expect-error an unknown index
cards.query('iban_eq', { tenantId: 'acme', pan: '4' })
// @ts-expect-error a randomized column cannot be searched
cards.query('amount', { tenantId: 'acme', amount: 1n })
// @ts-expect-error a query needs the bound tenant
cards.query('pan_eq', { pan: '4' })
cipher.table(
  't',
  { pan: field.string() },
  // @ts-expect-error an index over a column that is not there
  { bind: { tenant: null, row: null }, indexes: { i: { on: ['iban'], bits: 64 } } },
)
// @ts-expect-error bind is required
cipher.table('t', { pan: field.string() }, {})
// @ts-expect-error an unbound row is written out
cipher.table('t', { pan: field.string() }, { bind: { tenant: null } })
// @ts-expect-error purposes are required
createFieldCipher({ keyring })

// On the WebCrypto backend the same names give promises.
const later = createFieldCipher({ keyring: asyncKeyring, purposes: { refund: {} } }).table(
  'cards',
  { pan: field.string() },
  { bind: { tenant: null, row: 'id' } },
)
const promised: Promise<{ readonly id: number }> = later.encrypt({ id: 1, pan: '4' })

const json = cipher.table('t', { data: field.json<{ a: number }>() }, { bind: { tenant: null, row: null } })
const held = json.encrypt({ data: { a: 1 } })
same<typeof held.data, Encrypted<{ a: number }>>()
// @ts-expect-error the declared shape holds
json.encrypt({ data: { a: 'x' } })

export { asText, confused, inserted, planted, promised }
