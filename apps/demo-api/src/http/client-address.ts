import { isIP } from 'node:net'
import { Problem } from './problem.js'

/** The client as the transport sees it. */
export interface ClientAddress {
  /** Canonical text; an IPv4-mapped address is its IPv4 address. */
  readonly text: string
  /** The /24 or /48: what may be logged. */
  readonly network: string
  /** The address or its /64: what limits count. One subscriber has a /64, so counting single addresses counts nothing. */
  readonly limitKey: string
}

/**
 * The address of the socket's peer. Forwarding headers are not read: no proxy is trusted, so they are the client's own words.
 *
 * @throws {Problem} `address-invalid` when the socket has none any more.
 */
export function clientAddress(peer: string | undefined): ClientAddress {
  const text = (peer ?? '').replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  const family = isIP(text)
  if (family === 0) throw new Problem('address-invalid')
  if (family === 4) {
    return { text, network: `${text.split('.').slice(0, 3).join('.')}.0/24`, limitKey: text }
  }
  const groups = expand(text)
  return { text, network: prefix(groups, 3, 48), limitKey: prefix(groups, 4, 64) }
}

/** The eight groups of an IPv6 address that `isIP` has accepted. */
function expand(text: string): readonly string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const hex = (high: string | undefined, low: string | undefined) => (Number(high) * 256 + Number(low)).toString(16)
  const plain = dotted === null ? text : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`
  const [head = '', tail] = plain.toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
}

function prefix(groups: readonly string[], count: number, bits: number): string {
  const kept = groups.slice(0, count).map((group) => group.replace(/^0+(?=.)/, ''))
  return `${kept.join(':')}::/${bits}`
}

/** The key under which connections of one client are counted; one key for those whose address is gone already. */
export function networkKey(peer: string | undefined): string {
  try {
    return clientAddress(peer).limitKey
  } catch {
    return 'unknown'
  }
}
