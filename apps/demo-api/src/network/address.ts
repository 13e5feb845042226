import { isIPv4, isIPv6 } from 'node:net'

/** An address in one spelling. A mapped IPv6 address (RFC 4291 §2.5.5.2) is the IPv4 address that it means. */
export interface Address {
  readonly family: 4 | 6
  /** Dotted, or RFC 5952. */
  readonly text: string
  readonly bytes: Uint8Array
  /** 32, or 128: how it was written. */
  readonly writtenBits: 32 | 128
}

/** Parses an address; `null` for anything with a zone, a port, brackets, white space, or octal or short IPv4 forms. */
export function parseAddress(text: string): Address | null {
  if (text.length > 45) return null
  if (isIPv4(text)) return ipv4(Uint8Array.from(text.split('.'), Number), 32)
  if (!isIPv6(text) || text.includes('%')) return null
  const bytes = ipv6Bytes(text)
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  if (mapped) return ipv4(bytes.slice(12), 128)
  return { family: 6, text: new URL(`http://[${text}]/`).hostname.slice(1, -1), bytes, writtenBits: 128 }
}

function ipv4(bytes: Uint8Array, writtenBits: 32 | 128): Address {
  return { family: 4, text: bytes.join('.'), bytes, writtenBits }
}

/** The 16 bytes of what `isIPv6` accepted. */
function ipv6Bytes(text: string): Uint8Array {
  const [head = '', tail] = text.split('::')
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const zeros = new Array<number>(8 - left.length - right.length).fill(0)
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  ;[...left, ...zeros, ...right].forEach((group, index) => {
    view.setUint16(index * 2, group)
  })
  return bytes
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}
