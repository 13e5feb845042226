import { createFieldCipher, field } from '@coffer/field-encryption'
import { createPanTokenizer } from '@coffer/field-encryption/pan'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { gcm } from '@noble/ciphers/aes.js'
import { paired } from './paired.js'

/** Figures without a target: the portable backend, large values, search and card tokens. */
const context = { tenant: 'acme', id: '018f2b5e-7c1a-7000-8000-0123456789ab' }
const purpose = { purpose: 'bench' } as const
const columns = { value: field.bytes({ encoding: 'bytes', maxBytes: 2_000_000 }) }
const bind = { tenant: 'tenant', row: 'id' } as const
const nothing = () => undefined

function report(bench: string, ours_ns: number): void {
  console.log(JSON.stringify({ bench, ours_ns }))
}

const noble = createFieldCipher({ keyring: await createTestKeyring({ backend: 'noble' }), purposes: { bench: {} } })
const portable = noble.table('cards', columns, { bind })
const value = crypto.getRandomValues(new Uint8Array(64))
const key = crypto.getRandomValues(new Uint8Array(32))
const bare = () => {
  const nonce = crypto.getRandomValues(new Uint8Array(12))
  return gcm(key, nonce).decrypt(gcm(key, nonce).encrypt(value))
}
const ours = () => portable.decryptField('value', portable.encryptField('value', value, context), context, purpose)
if (Buffer.compare(ours() ?? Buffer.alloc(0), bare()) !== 0) throw new Error('the opened value differs')
console.log(
  JSON.stringify({ bench: 'noble backend, seal-open 64 B', ...(await paired(ours, bare)), peer: 'bare noble GCM' }),
)

const large = new Uint8Array(1_048_576).fill(7)
for (const backend of ['node', 'noble', 'webcrypto'] as const) {
  const keyring = await (backend === 'webcrypto' ? createTestKeyring({ backend }) : createTestKeyring({ backend }))
  const table = createFieldCipher({ keyring, purposes: { bench: {} } }).table('files', columns, { bind })
  const work = async () =>
    table.decryptField('value', await table.encryptField('value', large, context), context, purpose)
  if (Buffer.compare((await work()) ?? Buffer.alloc(0), large) !== 0) throw new Error('the opened value differs')
  report(`suite 04, seal-open 1 MiB, ${backend}`, (await paired(work, nothing, { rounds: 5, roundMs: 1 })).ours_ns)
}

const keyring = await createTestKeyring()
const cipher = createFieldCipher({ keyring, purposes: { bench: {} } })
const people = cipher.table(
  'people',
  { email: field.string() },
  { bind, indexes: { email_eq: { on: ['email'], bits: 64, normalize: { email: 'email' } } } },
)
const query = () => people.query('email_eq', { tenant: 'acme', email: 'Ada@example.com' })
if (query().length !== 1) throw new Error('one key, one token')
report('query, one live key', (await paired(query, nothing)).ours_ns)

const pans = createPanTokenizer({ cipher, name: 'cards', keyId: keyring.primaryKeyId ?? '', keep: 'bin6-last4' })
const tokenize = () => pans.tokenize('4111111111111111', { tenant: 'acme' })
if (pans.detokenize(tokenize(), { tenant: 'acme' }, purpose) !== '4111111111111111') throw new Error('the PAN differs')
report('tokenize, bin6-last4', (await paired(tokenize, nothing)).ours_ns)

// The bundle of the root entry, minified, without noble.
const { execFileSync } = await import('node:child_process')
const { gzipSync } = await import('node:zlib')
const binaries = new URL('../../../node_modules/.bin/', import.meta.url)
const esbuild = new URL('esbuild', binaries).pathname
const entry = new URL('../dist/index.js', import.meta.url).pathname
const flags = ['--bundle', '--minify', '--format=esm', '--target=es2022', '--external:@noble/*']
const bundle = execFileSync(esbuild, [entry, ...flags])
const kib = (bytes: number) => (bytes / 1024).toFixed(1)
console.log(
  JSON.stringify({
    bench: `bundle of . without noble: ${kib(gzipSync(bundle, { level: 9 }).length)} KiB min+gzip`,
    peer: `${kib(bundle.length)} KiB min; aim 12`,
  }),
)
