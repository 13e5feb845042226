/**
 * fle1 written a second time, plainly and with `node:crypto` only, as the oracle for the three backends. Shares no code
 * with `src`: what both got wrong in the same way would have to be wrong twice.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'

export interface ReferenceKey {
  readonly id: string
  readonly version: number
  readonly createdAt: number
  readonly dek: Buffer
}

/** Null means "not bound". */
export interface ReferenceContext {
  readonly tenant: string | null
  readonly table: string
  readonly column: string
  readonly row: string | null
  readonly extra: Readonly<Record<string, string>>
}

export type ReferenceSuite = 1 | 2 | 3 | 4

export function u32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}

export function lp(bytes: Uint8Array | string): Buffer {
  const body = Buffer.from(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes)
  return Buffer.concat([u32(body.length), body])
}

export function x(key: Uint8Array, info: Uint8Array, length: number): Buffer {
  const mac = createHmac('sha512', key).update(info).update(Buffer.of(1)).digest()
  return mac.subarray(0, length)
}

export function columnKey(dek: Uint8Array, context: ReferenceContext, purpose: string): Buffer {
  const info = Buffer.concat([
    Buffer.from('fle1/col\0'),
    lp(context.tenant ?? ''),
    lp(context.table),
    lp(context.column),
    lp(purpose),
  ])
  return x(dek, info, 32)
}

export function extraOf(context: ReferenceContext): Buffer {
  const names = Object.keys(context.extra).sort((a, b) => (a < b ? -1 : 1))
  if (names.length === 0) return Buffer.alloc(0)
  return Buffer.concat([Buffer.of(names.length), ...names.flatMap((name) => [lp(name), lp(context.extra[name] ?? '')])])
}

function headerOf(suite: number, keyId: string): Buffer {
  return Buffer.concat([Buffer.of(0xf1, suite), Buffer.from(keyId, 'hex')])
}

function saltOf(
  suite: ReferenceSuite,
  key: ReferenceKey,
  context: ReferenceContext,
  random: Buffer,
  frame: Buffer,
): Buffer {
  const deterministic = suite === 3
  const info = Buffer.concat([
    Buffer.from('fle1/salt\0'),
    headerOf(suite, key.id),
    lp(deterministic ? '' : random),
    lp(deterministic ? '' : (context.row ?? '')),
    lp(deterministic ? '' : extraOf(context)),
    lp(frame),
  ])
  return x(columnKey(key.dek, context, deterministic ? 'siv' : 'hedge'), info, suite === 4 ? 24 : 16)
}

function gcm(key: Buffer, nonce: Buffer, plaintext: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function ungcm(key: Buffer, nonce: Buffer, body: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAuthTag(body.subarray(-16))
  return Buffer.concat([decipher.update(body.subarray(0, -16)), decipher.final()])
}

function messageKeys(suite: 1 | 2 | 3, key: ReferenceKey, context: ReferenceContext, salt: Buffer) {
  const deterministic = suite === 3
  const info = Buffer.concat([
    Buffer.from('fle1/msg\0'),
    headerOf(suite, key.id),
    salt,
    lp(deterministic ? '' : (context.row ?? '')),
    lp(deterministic ? '' : extraOf(context)),
  ])
  const t = x(columnKey(key.dek, context, 'enc'), info, 64)
  if (suite === 2) return { key: t.subarray(0, 32), commitment: t.subarray(32, 64), nonce: salt.subarray(0, 12) }
  return { key: t.subarray(0, 32), commitment: t.subarray(32, 48), nonce: t.subarray(48, 60) }
}

function chunkKeys(key: ReferenceKey, context: ReferenceContext, salt: Buffer) {
  const info = Buffer.concat([
    Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0'),
    salt,
    headerOf(4, key.id),
    lp(context.row ?? ''),
    lp(extraOf(context)),
  ])
  const blob = columnKey(key.dek, context, 'blob')
  const first = createHmac('sha512', blob).update(info).update(Buffer.of(1)).digest()
  const second = createHmac('sha512', blob).update(first).update(info).update(Buffer.of(2)).digest()
  const okm = Buffer.concat([first, second]).subarray(0, 76)
  return { key: okm.subarray(0, 32), base: okm.subarray(32, 44), commitment: okm.subarray(44) }
}

function chunkNonce(base: Buffer, chunk: number): Buffer {
  const counter = Buffer.concat([Buffer.alloc(8), u32(chunk)])
  return Buffer.from(base.map((byte, i) => byte ^ (counter[i] ?? 0)))
}

/** The binary form. */
export function seal(
  suite: ReferenceSuite,
  key: ReferenceKey,
  context: ReferenceContext,
  random: Uint8Array,
  frame: Uint8Array,
  /** In place of the salt that the suite prescribes. */
  given?: Uint8Array,
): Buffer {
  const plain = Buffer.from(frame)
  const salt = given === undefined ? saltOf(suite, key, context, Buffer.from(random), plain) : Buffer.from(given)
  const header = headerOf(suite, key.id)
  if (suite !== 4) {
    const keys = messageKeys(suite, key, context, salt)
    return Buffer.concat([header, salt, keys.commitment, gcm(keys.key, keys.nonce, plain)])
  }
  const keys = chunkKeys(key, context, salt)
  const chunks: Buffer[] = []
  for (let i = 0; i <= Math.floor(plain.length / 16_384); i++) {
    chunks.push(gcm(keys.key, chunkNonce(keys.base, i), plain.subarray(i * 16_384, (i + 1) * 16_384)))
  }
  return Buffer.concat([header, salt, keys.commitment, ...chunks])
}

/** The frame; throws when anything does not match. */
export function open(key: ReferenceKey, context: ReferenceContext, bytes: Uint8Array): Buffer {
  const stored = Buffer.from(bytes)
  const suite = stored[1]
  if (stored[0] !== 0xf1 || stored.subarray(2, 6).toString('hex') !== key.id) throw new Error('header')
  if (suite !== 1 && suite !== 2 && suite !== 3 && suite !== 4) throw new Error('suite')
  const salt = stored.subarray(6, suite === 4 ? 30 : 22)
  const rest = stored.subarray(6 + salt.length)
  if (suite === 4) {
    const keys = chunkKeys(key, context, salt)
    if (!rest.subarray(0, 32).equals(keys.commitment)) throw new Error('commitment')
    const body = rest.subarray(32)
    const parts: Buffer[] = []
    for (let i = 0; i <= Math.floor(body.length / 16_400); i++) {
      parts.push(ungcm(keys.key, chunkNonce(keys.base, i), body.subarray(i * 16_400, (i + 1) * 16_400)))
    }
    return Buffer.concat(parts)
  }
  const keys = messageKeys(suite, key, context, salt)
  if (!rest.subarray(0, keys.commitment.length).equals(keys.commitment)) throw new Error('commitment')
  const frame = ungcm(keys.key, keys.nonce, rest.subarray(keys.commitment.length))
  if (suite === 3 && !saltOf(3, key, context, Buffer.alloc(0), frame).equals(salt)) throw new Error('salt')
  return frame
}

export function textOf(bytes: Uint8Array): string {
  const stored = Buffer.from(bytes)
  return `fle1.${stored.subarray(1, 6).toString('hex')}.${stored.subarray(6).toString('base64url')}`
}

/** The token of an index, as lower-case hex. `context.column` is the index's name. */
export function token(
  key: ReferenceKey,
  context: ReferenceContext,
  bits: number,
  parts: readonly Uint8Array[],
): string {
  const info = Buffer.concat([Buffer.from('fle1/idx\0'), Buffer.of(parts.length), ...parts.map(lp)])
  const mac = x(columnKey(key.dek, context, 'idx'), info, Math.ceil(bits / 8))
  const binary = Array.from(mac, (byte) => byte.toString(2).padStart(8, '0')).join('')
  const masked = binary.slice(0, bits).padEnd(mac.length * 8, '0')
  const bytes = Buffer.from(mac.map((_, i) => Number.parseInt(masked.slice(i * 8, i * 8 + 8), 2)))
  return Buffer.concat([Buffer.of(key.version), bytes]).toString('hex')
}

export interface ReferenceType {
  readonly code: number
  readonly value: Buffer
}

/** Type code and value bytes of a JS value under a declared type. */
export function typed(type: string, value: unknown): ReferenceType {
  const i64 = (number: bigint) => {
    const out = Buffer.alloc(8)
    out.writeBigInt64BE(number)
    return out
  }
  if (value === null) return { code: 0x0c, value: Buffer.alloc(0) }
  if (type === 'string') return { code: 1, value: Buffer.from(String(value), 'utf8') }
  if (type === 'bytes' && value instanceof Uint8Array) return { code: 2, value: Buffer.from(value) }
  if (type === 'boolean') return { code: value === true ? 4 : 3, value: Buffer.alloc(0) }
  if (type === 'number') {
    const out = Buffer.alloc(8)
    out.writeDoubleBE(Number(value) + 0)
    return { code: 5, value: out }
  }
  if (type === 'integer') return { code: 6, value: i64(BigInt(Number(value))) }
  if (type === 'bigint' && typeof value === 'bigint') {
    let length = 1
    while (BigInt.asIntN(length * 8, value) !== value) length += 1
    return {
      code: 7,
      value: Buffer.from(
        BigInt.asUintN(length * 8, value)
          .toString(16)
          .padStart(length * 2, '0'),
        'hex',
      ),
    }
  }
  if (type === 'decimal') return { code: 8, value: Buffer.from(String(value), 'ascii') }
  if (type === 'timestamp' && value instanceof Date) return { code: 9, value: i64(BigInt(value.getTime())) }
  if (type === 'date') {
    const [year = 0, month = 0, day = 0] = String(value).split('-').map(Number)
    return { code: 0x0a, value: Buffer.of(year >> 8, year & 255, month, day) }
  }
  if (type === 'json') return { code: 0x0b, value: Buffer.from(JSON.stringify(value), 'utf8') }
  throw new Error(`no such type: ${type}`)
}

/** The frame; `area` is the size of the padded value area, null for an unpadded frame. */
export function frameOf({ code, value }: ReferenceType, area: number | null): Buffer {
  if (area === null) return Buffer.concat([Buffer.of(code), value])
  return Buffer.concat([Buffer.of(code | 0x80), u32(value.length), value, Buffer.alloc(area - value.length)])
}

/** Key wrap with padding (RFC 5649) of the data key, and its check value, as the key record holds them. */
export function recordOf(key: ReferenceKey, kekId: string, kek: Uint8Array) {
  const cipher = createCipheriv('id-aes256-wrap-pad', kek, Buffer.from('a65959a6', 'hex'))
  const wrapped = Buffer.concat([cipher.update(key.dek), cipher.final()])
  const created = Buffer.alloc(8)
  created.writeBigUInt64BE(BigInt(key.createdAt))
  const info = Buffer.concat([Buffer.from('fle1/kcv\0'), Buffer.from(key.id, 'hex'), Buffer.of(key.version), created])
  return {
    id: key.id,
    version: key.version,
    state: 'active' as const,
    createdAt: key.createdAt,
    activeFrom: key.createdAt,
    activeUntil: key.createdAt + 365 * 86_400_000,
    keyEncryptionKeyId: kekId,
    wrapped: wrapped.toString('base64url'),
    check: x(key.dek, info, 16).toString('base64url'),
  }
}
