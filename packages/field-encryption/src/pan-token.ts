import { FF1 } from '@noble/ciphers/ff1.js'
import { type Awaitable, chain } from './awaitable.js'
import { concat, toHex, utf8 } from './bytes.js'
import { cipherCoreOf, type FieldCipher } from './cipher.js'
import { boundText, lengthPrefixed, panHash } from './context.js'
import { FieldEncryptionError } from './errors.js'
import type { Ring } from './key-use.js'
import { checkName, checkOneOf, checkOptions, type Mode, type Out } from './options.js'
import { checkPan, isDigits, passesLuhn } from './pan-digits.js'
import { checkActor } from './purpose.js'

/** Which digits of the PAN stay in the token: they are in clear. */
export type PanKeep = 'none' | 'last4' | 'bin6' | 'bin8' | 'bin6-last4' | 'bin8-last4'

export interface PanContext {
  /** `null` is written out: tokens are then the same for all tenants. */
  readonly tenant: string | null
}

export interface PanTokenizerOptions<P extends string, M extends Mode> {
  readonly cipher: FieldCipher<P, M>
  /** Part of every key: tokenizers of different names give different tokens. */
  readonly name: string
  /** Tokens carry no key ID, so the tokenizer names its key. After a rotation the application keeps two tokenizers. */
  readonly keyId: string
  readonly keep: PanKeep
}

export interface PanTokenizer<P extends string, M extends Mode = 'sync'> {
  /** Digits of the same length that fail Luhn, the same ones for the same PAN and tenant. A reference, never the record. */
  tokenize(pan: string, context: PanContext): Out<M, string>
  detokenize(
    token: string,
    context: PanContext,
    options: { readonly purpose: P; readonly actor?: string },
  ): Out<M, string>
  /** 64 hex digits over the entire PAN under a key (PCI DSS 3.5.1.1). */
  keyedHash(pan: string, context: PanContext): Out<M, string>
}

const table = 'coffer/pan'
const kept: Readonly<Record<PanKeep, { readonly prefix: number; readonly suffix: number }>> = {
  none: { prefix: 0, suffix: 0 },
  last4: { prefix: 0, suffix: 4 },
  bin6: { prefix: 6, suffix: 0 },
  bin8: { prefix: 8, suffix: 0 },
  'bin6-last4': { prefix: 6, suffix: 4 },
  'bin8-last4': { prefix: 8, suffix: 4 },
}
/** SP 800-38G r1: a domain of at least 10^6. */
const minFreeDigits = 6
const keyIdPattern = /^[0-9a-f]{8}$/
const tweakLabel = utf8('fle1/fpe\0')

interface Parts {
  readonly prefix: string
  readonly free: string
  readonly suffix: string
}

/**
 * Makes a tokenizer: FF1 (SP 800-38G, AES-256, radix 10) over the digits that are not kept. FF1 authenticates nothing.
 * Give tokens their own keyring, so that their cryptoperiod is theirs.
 *
 * @throws {FieldEncryptionError} from its methods: `…_PAN_INVALID`, `…_PAN_DOMAIN_TOO_SMALL`, `…_TOKEN_INVALID`, the key
 *   codes, and for `detokenize` `…_BUDGET_EXCEEDED` and `…_AUDIT_FAILED`
 */
export function createPanTokenizer<P extends string, M extends Mode>(
  options: PanTokenizerOptions<P, M>,
): PanTokenizer<P, M> {
  checkOptions('createPanTokenizer', options, ['cipher', 'name', 'keyId', 'keep'])
  const { core, gate } = cipherCoreOf(options.cipher)
  const name = checkName('name', options.name)
  const keep = checkOneOf('keep', options.keep, ['none', 'last4', 'bin6', 'bin8', 'bin6-last4', 'bin8-last4'])
  const { keyId } = options
  if (typeof keyId !== 'string' || !keyIdPattern.test(keyId))
    throw new TypeError('keyId must be 8 lower-case hex digits')

  const fpeKey = (ring: Ring, use: 'encrypt' | 'decrypt', tenant: string | null) =>
    ring.formatPreservingKey(ring.named(keyId, use), tenant, table, name)

  const tokenize = (pan: string, context: PanContext): Awaitable<string> => {
    const tenant = tenantOf(context)
    const parts = split(checkPan(pan), keep)
    if (parts.free.length < minFreeDigits)
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_PAN_DOMAIN_TOO_SMALL')
    return chain(fpeKey(core.use(), 'encrypt', tenant), (key) => {
      const ff1 = FF1(10, key, tweakOf(keep, parts))
      // One more in the last free digit makes a Luhn-valid PAN invalid. Walking from there until Luhn fails again is a
      // bijection on the Luhn-invalid strings; walking from the PAN itself would let two PANs meet in one token.
      let free = step(parts.free, 1)
      do free = digits(ff1.encrypt(numbers(free)))
      while (passesLuhn(whole(parts, free)))
      key.fill(0)
      return whole(parts, free)
    })
  }

  const detokenize = (token: string, context: PanContext, request: unknown): Awaitable<string> => {
    checkOptions('detokenize', request, ['purpose', 'actor'])
    const { purpose, actor: given } = request as { purpose: string; actor?: unknown }
    const actor = checkActor(given)
    const tenant = tenantOf(context)
    const rows = () => [{ tenant, row: null }]
    return gate.release({ purpose, actor, table, fields: () => [name], rows, count: 1 }, (keyIds) => {
      if (!isDigits(token) || passesLuhn(token)) throw invalidToken()
      const parts = split(token, keep)
      if (parts.free.length < minFreeDigits) throw invalidToken()
      keyIds.add(keyId)
      return chain(fpeKey(core.use(), 'decrypt', tenant), (key) => {
        const ff1 = FF1(10, key, tweakOf(keep, parts))
        let free = parts.free
        do free = digits(ff1.decrypt(numbers(free)))
        while (passesLuhn(whole(parts, free)))
        key.fill(0)
        const pan = whole(parts, step(free, -1))
        if (!passesLuhn(pan)) throw invalidToken()
        return pan
      })
    })
  }

  const keyedHash = (pan: string, context: PanContext): Awaitable<string> => {
    const tenant = tenantOf(context)
    const checked = checkPan(pan)
    const ring = core.use()
    return chain(ring.columnKeys(ring.named(keyId, 'encrypt'), tenant, table, name).of('pan'), (mac) =>
      chain(panHash(ring.input, mac, checked), (hash) => toHex(hash.subarray(0, 32))),
    )
  }

  const shaped = <A extends readonly unknown[]>(work: (...args: A) => unknown) =>
    core.backend.mode === 'async' ? async (...args: A) => work(...args) : work
  const tokenizer = { tokenize: shaped(tokenize), detokenize: shaped(detokenize), keyedHash: shaped(keyedHash) }
  return Object.freeze(tokenizer) as PanTokenizer<P, M>
}

function tenantOf(context: unknown): string | null {
  checkOptions('PAN context', context, ['tenant'])
  const { tenant } = context as { tenant?: unknown }
  return tenant === null ? null : boundText('tenant', tenant)
}

function split(pan: string, keep: PanKeep): Parts {
  const { prefix, suffix } = kept[keep]
  const end = pan.length - suffix
  return { prefix: pan.slice(0, prefix), free: pan.slice(prefix, end), suffix: pan.slice(end) }
}

function whole(parts: Parts, free: string): string {
  return parts.prefix + free + parts.suffix
}

function tweakOf(keep: PanKeep, { prefix, suffix }: Parts): Uint8Array {
  return concat(tweakLabel, lengthPrefixed(utf8(keep)), lengthPrefixed(utf8(prefix)), lengthPrefixed(utf8(suffix)))
}

/** Adds `by` modulo 10 to the last digit. */
function step(free: string, by: 1 | -1): string {
  return free.slice(0, -1) + String((Number(free.at(-1)) + by + 10) % 10)
}

function numbers(text: string): number[] {
  return Array.from(text, Number)
}

function digits(values: readonly number[]): string {
  return values.join('')
}

function invalidToken(): FieldEncryptionError {
  return new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_TOKEN_INVALID')
}
