import type { PreparedKey } from './key-set.js'
import type { KeySourceState } from './key-source.js'
import type { RevocableToken } from './revocation-entries.js'
import type { AnyVerifiedToken } from './verified-token.js'

/** One verification, and everything that could make it void. Times are epoch ms. */
export interface CacheEntry {
  readonly text: string
  readonly token: AnyVerifiedToken
  /** What `verify` answers, made at the first hit. */
  resolved: Promise<AnyVerifiedToken> | undefined
  readonly validFrom: number
  readonly validUntil: number
  readonly keys: KeySourceState
  readonly key: PreparedKey
  readonly keyEpoch: number
  readonly policyEpoch: number
  readonly revocable: RevocableToken
  /** The state of the revocation index in which the token was last looked up. */
  revocationEpoch: number
}

/** Bounds of the cache of verified tokens. */
export interface CacheLimits {
  /** Most entries. Default: 10 000; 64 to 1 000 000. */
  readonly max: number
  /** Longest an entry is served without a full verification, in ms. Default: 300 000; 1000 to 3 600 000. */
  readonly maxAgeMs: number
}

const ways = 8

/**
 * Verified tokens by their exact text. A look-up mixes eight characters of the signature, keyed per process, into a
 * set of eight places and a tag, so it neither digests nor cuts the text; the whole text is compared past an equal tag.
 */
export class VerifiedCache {
  readonly maxAgeMs: number
  size = 0
  evicted = 0
  readonly #sets: number
  readonly #tags: Int32Array
  readonly #entries: (CacheEntry | undefined)[]
  readonly #used: Uint32Array
  // What makes an entry dead, beside the tags: insertion judges eight places without reading eight entries, which are
  // scattered over the heap and would cost as much as all else but the signature.
  readonly #until: Float64Array
  readonly #keys: (PreparedKey | undefined)[]
  readonly #keyEpochs: Float64Array
  readonly #seed: Int32Array = crypto.getRandomValues(new Int32Array(2))
  #tick = 0
  /** Tag of the last text that was placed; kept so that a look-up gives two numbers without an object. */
  #tag = 0

  constructor({ max, maxAgeMs }: CacheLimits) {
    this.maxAgeMs = maxAgeMs
    this.#sets = Math.floor(max / ways)
    this.#tags = new Int32Array(this.#sets * ways)
    this.#entries = new Array<CacheEntry | undefined>(this.#sets * ways).fill(undefined)
    this.#used = new Uint32Array(this.#sets * ways)
    this.#until = new Float64Array(this.#sets * ways)
    this.#keys = new Array<PreparedKey | undefined>(this.#sets * ways).fill(undefined)
    this.#keyEpochs = new Float64Array(this.#sets * ways)
  }

  find(text: string): CacheEntry | undefined {
    const base = this.#place(text)
    const tag = this.#tag
    for (let i = base; i < base + ways; i++) {
      if (this.#tags[i] !== tag) continue
      const entry = this.#entries[i]
      if (entry === undefined || entry.text !== text) continue
      this.#used[i] = ++this.#tick
      return entry
    }
    return undefined
  }

  /** Takes the place of the same text, else of a dead entry, else of the one of its eight that was used longest ago. */
  insert(entry: CacheEntry, now: number): void {
    const base = this.#place(entry.text)
    let victim = base
    let isNew = true
    for (let i = base; i < base + ways; i++) {
      const isSame = this.#tags[i] === this.#tag && this.#entries[i]?.text === entry.text
      if (isSame || this.#isDead(i, now)) {
        victim = i
        isNew = !isSame
        break
      }
      if ((this.#used[i] ?? 0) < (this.#used[victim] ?? 0)) victim = i
    }
    if (this.#entries[victim] === undefined) this.size++
    else if (isNew && !this.#isDead(victim, now)) this.evicted++
    this.#entries[victim] = entry
    this.#tags[victim] = this.#tag
    this.#used[victim] = ++this.#tick
    this.#until[victim] = entry.validUntil
    this.#keys[victim] = entry.key
    this.#keyEpochs[victim] = entry.keyEpoch
  }

  /** Whether a place is free, or its entry would not be served again. */
  #isDead(at: number, now: number): boolean {
    return now >= (this.#until[at] ?? 0) || this.#keys[at]?.epoch !== this.#keyEpochs[at]
  }

  /** The first place of a text's set. The last character is left out: some of its bits are always zero. */
  #place(text: string): number {
    const end = text.length - 1
    const low = word(text, end - 4) ^ (this.#seed[0] ?? 0)
    const high = word(text, end - 8) ^ (this.#seed[1] ?? 0)
    let mixed = Math.imul(low ^ (low >>> 15), 0x2c1b3c6d) + high
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0x297a2d39)
    this.#tag = Math.imul(high ^ (mixed >>> 16), 0x45d9f3b) ^ low
    return (((mixed ^ (mixed >>> 15)) >>> 0) % this.#sets) * ways
  }
}

function word(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  )
}
