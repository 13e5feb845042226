import { BlockList } from 'node:net'
import { type Address, parseAddress } from './address.js'

/** One network of a tenant's list, in canonical text. */
export interface Network {
  readonly family: 4 | 6
  readonly text: string
}

/** Whether an address is admitted, and by which rule. */
export type NetworkDecision =
  | { readonly allowed: true; readonly rule: string }
  | { readonly allowed: false; readonly rule: null }

/** A tenant's networks: who may connect. */
export interface NetworkAllowlist {
  readonly size: number
  /** Never throws: what is no address is not admitted. */
  check(address: string): NetworkDecision
}

/**
 * Parses a network strictly: `a.b.c.d/n`, an IPv6 prefix, or a bare address (/32, /128). Host bits set, a prefix with a
 * sign or a leading zero, a zone or white space are refused. A mapped IPv6 network (`::ffff:0:0/96` and longer) is the
 * IPv4 network that it means.
 *
 * @returns `null` for anything else.
 */
export function parseNetwork(text: string): Network | null {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null) return null
  const prefix = slash < 0 ? address.writtenBits : parsePrefix(text.slice(slash + 1), address.writtenBits)
  if (prefix === null) return null
  const mapped = address.writtenBits === 128 && address.family === 4
  if (mapped && prefix < 96) return null
  const length = mapped ? prefix - 96 : prefix
  if (hasHostBits(address, length)) return null
  return { family: address.family, text: `${address.text}/${length}` }
}

/** Makes the list. An empty list admits nobody: a tenant without a list has no object of this kind. */
export function createNetworkAllowlist(rules: readonly string[]): NetworkAllowlist {
  const entries = rules.map((rule) => {
    const network = parseNetwork(rule)
    if (network === null) throw new TypeError('a network list holds canonical networks only')
    const list = new BlockList()
    const [address = '', prefix = ''] = network.text.split('/')
    list.addSubnet(address, Number(prefix), network.family === 4 ? 'ipv4' : 'ipv6')
    return { rule: network.text, prefix: Number(prefix), family: network.family, list }
  })
  // The longest match is reported.
  entries.sort((a, b) => b.prefix - a.prefix)
  return {
    size: entries.length,
    check(text) {
      const address = parseAddress(text)
      if (address === null) return { allowed: false, rule: null }
      // The family is always named: without it BlockList answers false for every IPv6 address.
      const family = address.family === 4 ? 'ipv4' : 'ipv6'
      const entry = entries.find((one) => one.family === address.family && one.list.check(address.text, family))
      return entry === undefined ? { allowed: false, rule: null } : { allowed: true, rule: entry.rule }
    },
  }
}

function parsePrefix(text: string, bits: number): number | null {
  if (!/^(0|[1-9][0-9]{0,2})$/.test(text)) return null
  const prefix = Number(text)
  return prefix <= bits ? prefix : null
}

function hasHostBits(address: Address, prefix: number): boolean {
  return address.bytes.some((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefix - index * 8))
    return (byte & (0xff >>> kept)) !== 0
  })
}
