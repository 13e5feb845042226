import { randomFillSync } from 'node:crypto'

/** Crockford's base32 alphabet: no I, L, O or U, so that an ID read aloud has one spelling. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The prefixes of the IDs on the wire. */
export const idPrefixes = ['asg', 'card', 'cus', 'dec', 'net', 'opn', 'pay', 'req', 'ses', 'ten', 'tok', 'usr'] as const
export type IdPrefix = (typeof idPrefixes)[number]

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const base32Form = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/

/** Random bytes are drawn for 256 IDs at a time; one draw each costs more than the ID. */
const pool = Buffer.alloc(256 * 16)
let drawn = pool.length

/** The 16 bytes of a UUIDv7 (RFC 9562 §5.7): 48 bits of the clock, then random bits. */
function newUuidBytes(now: number): Buffer {
  if (drawn === pool.length) {
    randomFillSync(pool)
    drawn = 0
  }
  const bytes = Buffer.from(pool.subarray(drawn, drawn + 16))
  drawn += 16
  bytes.writeUIntBE(now, 0, 6)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes
}

/** A UUIDv7, made before the INSERT, so that ciphertext is bound to its row. */
export function newUuid(now: number): string {
  const hex = newUuidBytes(now).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** Below every UUIDv7 of this instant and later, above those before it. */
export function firstUuidAt(at: number): string {
  const hex = at.toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}

/** `pay_` and the 26 base32 characters of a UUID. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  if (!uuidForm.test(uuid)) throw new TypeError('an ID is made from a UUID in lower case')
  return `${prefix}_${toBase32(Buffer.from(uuid.replaceAll('-', ''), 'hex'))}`
}

/** 128 bits as 26 characters: two zero bits in front make 130. */
function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 2
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    held += 8
    while (held >= 5) {
      held -= 5
      text += alphabet.charAt((bits >> held) & 31)
    }
    bits &= (1 << held) - 1
  }
  return text
}

/** The UUID of an ID with this prefix; `null` for anything else, which a route answers like an ID that was never issued. */
export function parseId(prefix: IdPrefix, id: string): string | null {
  if (!id.startsWith(`${prefix}_`)) return null
  const text = id.slice(prefix.length + 1)
  if (!base32Form.test(text)) return null
  const bytes = Buffer.alloc(16)
  let bits = 0
  // The two zero bits in front of the first byte are not written.
  let held = -2
  let written = 0
  for (const character of text) {
    bits = (bits << 5) | alphabet.indexOf(character)
    held += 5
    if (held < 8) continue
    held -= 8
    bytes.writeUInt8((bits >> held) & 0xff, written)
    written += 1
    bits &= (1 << held) - 1
  }
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A fresh ID that no row stands behind: a request, a decision. */
export function newId(prefix: IdPrefix, now: number): string {
  return `${prefix}_${toBase32(newUuidBytes(now))}`
}
