/** Crockford's base32 alphabet: no I, L, O or U, so that an ID read aloud has one spelling. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'

/** The prefixes of the IDs on the wire. */
export const idPrefixes = ['asg', 'card', 'cus', 'dec', 'net', 'pay', 'req', 'ses', 'ten', 'tok', 'usr'] as const
export type IdPrefix = (typeof idPrefixes)[number]

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const base32Form = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/

/** A UUIDv7 (RFC 9562 §5.7): 48 bits of the clock, then random bits. Made before the INSERT, so ciphertext is bound to its row. */
export function newUuid(now: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(now / 2 ** 32))
  view.setUint32(2, now % 2 ** 32)
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70)
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80)
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** `pay_` and the 26 base32 characters of a UUID. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  if (!uuidForm.test(uuid)) throw new TypeError('an ID is made from a UUID in lower case')
  let value = BigInt(`0x${uuid.replaceAll('-', '')}`)
  let text = ''
  for (let index = 0; index < 26; index++) {
    text = alphabet.charAt(Number(value & 31n)) + text
    value >>= 5n
  }
  return `${prefix}_${text}`
}

/** The UUID of an ID with this prefix; `null` for anything else, which a route answers like an ID that was never issued. */
export function parseId(prefix: IdPrefix, id: string): string | null {
  if (!id.startsWith(`${prefix}_`)) return null
  const text = id.slice(prefix.length + 1)
  if (!base32Form.test(text)) return null
  let value = 0n
  for (const character of text) value = (value << 5n) | BigInt(alphabet.indexOf(character))
  const hex = value.toString(16).padStart(32, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** A fresh ID that no row stands behind: a request, a decision. */
export function newId(prefix: IdPrefix, now: number): string {
  return formatId(prefix, newUuid(now))
}
