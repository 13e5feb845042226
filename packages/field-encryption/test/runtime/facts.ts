/** What must hold on every runtime: the published vectors on each backend it has, and no word of Node. */
import {
  addDataKey,
  type Column,
  createFieldCipher,
  createKeyring,
  createLocalKeyEncryptionKey,
  createSealer,
  field,
  isFieldEncryptionError,
  type Keyring,
  type Mode,
} from '@coffer/field-encryption'
import { createPanTokenizer } from '@coffer/field-encryption/pan'
import document from '../../../../docs/fle1/vectors.json' with { type: 'json' }

type Vector = (typeof document.valid)[number]

const clock = { now: () => 1767225600001 }

function bytes(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

function hex(value: unknown): string {
  if (!(value instanceof Uint8Array)) return String(value)
  return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function assert(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

async function open(
  backend: 'auto' | 'noble' | 'webcrypto',
  time: typeof clock | null = clock,
): Promise<Keyring<Mode>> {
  const kek = createLocalKeyEncryptionKey({ id: 'kek', key: bytes(document.keyEncryptionKey.key) })
  const records = document.keys.map(({ dek: _dek, ...record }) => record) as never
  const load = { keyEncryptionKeys: [kek], loadKeys: async () => records, ...(time === null ? {} : { clock: time }) }
  return backend === 'webcrypto' ? createKeyring({ ...load, backend }) : createKeyring({ ...load, backend })
}

type Shape = Pick<Vector, 'type' | 'suite' | 'pad' | 'nulls' | 'column'>

function columnOf({ type, suite, pad, nulls, column }: Shape): Column {
  const build: unknown = Reflect.get(field, type)
  if (typeof build !== 'function') throw new Error(`no such type: ${type}`)
  const sized = ['string', 'bytes', 'bigint', 'decimal', 'json'].includes(type)
  return build({
    encoding: 'bytes',
    boundAs: column,
    nulls,
    ...(suite === 3 ? { mode: 'deterministic' } : { commitment: suite === 2 ? 32 : 16 }),
    ...(sized && pad !== null ? { pad } : {}),
  }) as Column
}

function tableOf(
  keyring: Keyring<Mode>,
  vector: Omit<Vector, 'id' | 'random' | 'value' | 'frame' | 'bytes' | 'text'>,
  random: string,
) {
  const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock, randomBytes: () => bytes(random) })
  const { tenant, row, extra } = vector
  const bind = {
    tenant: tenant === null ? null : 'tenant__',
    row: row === null ? null : 'row__',
    extra: Object.keys(extra),
  }
  const context: Record<string, string> = { ...extra, tenant__: tenant ?? '', row__: row ?? '' }
  return { table: cipher.table(vector.table, { value_: columnOf(vector) }, { bind }), context }
}

function fromVector({ type, value }: Vector): unknown {
  if (value === null) return null
  if (type === 'bytes') return bytes(String(value))
  if (type === 'bigint') return BigInt(String(value))
  return type === 'timestamp' ? new Date(Number(value)) : value
}

async function valid(keyring: Keyring<Mode>): Promise<void> {
  for (const vector of document.valid) {
    const { table, context } = tableOf(keyring, vector, vector.random)
    if (vector.suite !== 4) {
      const stored = await table.encryptField('value_', fromVector(vector) as never, context)
      assert(hex(stored) === vector.bytes, `valid ${vector.id} is written otherwise`)
    }
    for (const stored of [vector.text, bytes(vector.bytes)]) {
      const opened: unknown = await table.decryptField('value_', stored, context, { purpose: 'test' })
      const same = opened instanceof Uint8Array ? hex(opened) === vector.value : equal(opened, fromVector(vector))
      assert(same, `valid ${vector.id} opens otherwise`)
    }
  }
}

function equal(a: unknown, b: unknown): boolean {
  if (typeof a === 'bigint' || typeof b === 'bigint') return a === b
  return JSON.stringify(a) === JSON.stringify(b)
}

async function invalid(keyring: Keyring<Mode>): Promise<void> {
  for (const vector of document.invalid) {
    const { table, context } = tableOf(keyring, vector, '')
    const stored = 'text' in vector.stored ? vector.stored.text : bytes(vector.stored.bytes)
    let code = 'accepted'
    try {
      await table.decryptField('value_', stored, context, { purpose: 'test' })
    } catch (error) {
      code = isFieldEncryptionError(error) ? error.code.replace('COFFER_FIELD_ENCRYPTION_', '') : String(error)
    }
    assert(code === vector.code, `invalid ${vector.id}: ${code} instead of ${vector.code}`)
  }
}

async function tokensAndSealer(keyring: Keyring<Mode>): Promise<void> {
  const cipher = createFieldCipher({ keyring, purposes: { test: {} }, clock })
  const table = cipher.table(
    'cards',
    { pan: field.string() },
    { bind: { tenant: 'tenant', row: null }, indexes: { pan_eq: { on: ['pan'], bits: 64 } } },
  )
  const [token] = await table.query('pan_eq', { tenant: 'acme', pan: '4111111111111111' })
  assert(token === '0162bbbe5dc0e23b70', 'the search token differs')
  const pans = createPanTokenizer({ cipher, name: 'cards', keyId: '0a0b0c0d', keep: 'bin6-last4' })
  assert((await pans.tokenize('4111111111111111', { tenant: 'acme' })) === '4111119599391111', 'the PAN token differs')
  const sealer = createSealer({ keyring, name: 'tokens' })
  const sealed = await sealer.encrypt(bytes('00ff'), bytes('01'))
  assert(hex(await sealer.decrypt(sealed, bytes('01'))) === '00ff', 'the sealed bytes differ')
}

function on(backend: 'auto' | 'noble' | 'webcrypto'): Record<string, () => Promise<void>> {
  return {
    [`valid vectors are written and opened on ${backend}`]: async () => valid(await open(backend)),
    [`invalid vectors are refused on ${backend}`]: async () => invalid(await open(backend)),
    [`tokens and sealer on ${backend}`]: async () => tokensAndSealer(await open(backend)),
  }
}

// workerd refuses timers, random bytes and I/O here, and its clock stands at zero.
const early = await open('auto')
const bySystemClock = await open('auto', null)

export const facts: Record<string, () => Promise<void>> = {
  ...on('auto'),
  ...on('noble'),
  ...on('webcrypto'),
  'a keyring made at the top level of a module opens in a handler': async () => {
    await valid(early)
  },
  'one on the system clock is fresh once a handler has awaited ready()': async () => {
    await bySystemClock.ready()
    for (const vector of document.valid.slice(0, 1)) {
      const { table, context } = tableOf(bySystemClock, vector, vector.random)
      await table.decryptField('value_', vector.text, context, { purpose: 'test' })
    }
    await bySystemClock.refresh()
  },
  'a new data key is made from the random source of the runtime': async () => {
    const kek = createLocalKeyEncryptionKey({ id: 'kek', key: bytes('22'.repeat(32)) })
    const [one] = await addDataKey([], { keyEncryptionKey: kek })
    const [two] = await addDataKey([], { keyEncryptionKey: kek })
    assert(one?.wrapped !== two?.wrapped, 'two data keys are the same')
  },
  'auto is node where the runtime has node:crypto, and noble elsewhere': async () => {
    const runtime: { process?: { getBuiltinModule?: (id: string) => unknown } } = globalThis
    const native = runtime.process?.getBuiltinModule?.('node:crypto') !== undefined
    const { backend } = await open('auto')
    assert(backend === (native ? 'node' : 'noble'), `auto is ${backend}`)
  },
}
