import { assertMethods, assertOptions, checkInteger, checkOneOf, checkText } from './check-options.js'
import { type Clock, systemClock } from './clock.js'
import { JwtError } from './errors.js'

/**
 * Something that is no longer good. `issuer`, `subject` and `client` end what was issued up to the second of `at`;
 * `token` (`jti`) and `session` (`sid`) end whatever names them. `at` is in epoch milliseconds.
 */
export type Revocation =
  | { readonly kind: 'issuer'; readonly issuer: string; readonly at: number }
  | {
      readonly kind: 'token' | 'session' | 'subject' | 'client'
      readonly issuer: string
      readonly value: string
      readonly at: number
    }

/** What of a token a revocation can name. Times are seconds, as in the claims. */
export interface RevocableToken {
  readonly issuer: string
  readonly subject: string
  readonly clientId: string | undefined
  readonly jti: string | undefined
  readonly sessionId: string | undefined
  readonly iat: number | undefined
}

/** Key of the look-up inside an index; not exported from the package. */
export const revocationLookup: unique symbol = Symbol('coffer.jwt.revocation')

/** What a verifier asks of an index. */
export interface RevocationLookup {
  /** Raised by every change: equal means that nothing happened. */
  readonly epoch: number
  readonly retentionMs: number
  isRevoked(token: RevocableToken): boolean
}

/** What was revoked and may still be presented. */
export interface RevocationIndex {
  readonly [revocationLookup]: RevocationLookup
  /** Resolves once revocations are known. */
  ready(): Promise<void>
  close(): void
  /**
   * Revokes here before it returns; there is no un-revoking.
   *
   * @throws {RangeError} `at` is more than 120 s ahead.
   * @throws {JwtError} `COFFER_JWT_REVOCATION_FULL`
   */
  revoke(revocation: Revocation): Promise<void>
  status(): RevocationStatus
}

/** How far an index can be trusted. */
export interface RevocationStatus {
  readonly state: 'live' | 'lagging' | 'unavailable'
  readonly loadedAt: number | undefined
  readonly size: number
  readonly epoch: number
}

/** How an index is made. */
export interface RevocationIndexOptions {
  /** What tokens get when revocations are not known: refused, or judged by what is known. Required. */
  readonly onUnavailable: 'refuse' | 'allow'
  /** How long an entry is kept, in ms. Default: 86 640 000, which covers every permitted lifetime. */
  readonly retentionMs?: number
  /** Most live entries. Default: 100 000, at most 10 000 000. */
  readonly max?: number
  /** Default: the machine's clock. */
  readonly clock?: Clock
}

/** How far ahead of this clock a revocation may be dated, in ms. */
const maxAheadMs = 120_000
const kinds = ['issuer', 'subject', 'client', 'session', 'token'] as const
const known = ['onUnavailable', 'retentionMs', 'max', 'clock']

/**
 * An index of what was revoked, for verifiers of this process. Every verifier that has it refuses a revoked token at
 * its next request.
 *
 * @throws {TypeError} A missing, unknown or mistyped option. @throws {RangeError} One out of range.
 */
export function createRevocationIndex(options: RevocationIndexOptions): RevocationIndex {
  assertOptions(options, 'createRevocationIndex', known)
  const { retentionMs = 86_640_000, max = 100_000, clock = systemClock } = options
  checkOneOf(options.onUnavailable, 'onUnavailable', ['refuse', 'allow'])
  checkInteger(retentionMs, 'retentionMs', 1_000, 86_400_000 * 366)
  checkInteger(max, 'max', 1, 10_000_000)
  assertMethods(clock, 'clock', ['now'])
  const entries = new RevocationEntries(retentionMs, max)
  return Object.freeze({
    [revocationLookup]: entries,
    ready: () => Promise.resolve(),
    close: () => undefined,
    async revoke(revocation: Revocation): Promise<void> {
      const now = clock.now()
      entries.add(checkRevocation(revocation, now), now)
    },
    status: (): RevocationStatus => ({ state: 'live', loadedAt: undefined, size: entries.size, epoch: entries.epoch }),
  })
}

function checkRevocation(revocation: Revocation, now: number): Revocation {
  const isIssuer = revocation?.kind === 'issuer'
  assertOptions(revocation, 'revocation', isIssuer ? ['kind', 'issuer', 'at'] : ['kind', 'issuer', 'value', 'at'])
  const kind = checkOneOf(revocation.kind, 'revocation.kind', kinds)
  const issuer = checkText(revocation.issuer, 'revocation.issuer', 512)
  if (typeof revocation.at !== 'number' || Number.isNaN(revocation.at))
    throw new TypeError('revocation.at must be a number')
  if (revocation.at < 0 || revocation.at > now + maxAheadMs) {
    throw new RangeError('revocation.at must be in the past, or at most 120 s ahead')
  }
  const at = revocation.at
  if (kind === 'issuer' || revocation.kind === 'issuer') return { kind: 'issuer', issuer, at }
  return { kind, issuer, value: checkText(revocation.value, 'revocation.value', 8_192), at }
}

interface IssuerEntries {
  issuer: number | undefined
  readonly token: Map<string, number>
  readonly session: Map<string, number>
  readonly subject: Map<string, number>
  readonly client: Map<string, number>
}

/** The entries: per issuer four Maps and one time, and one-minute buckets by lapse, so that dropping costs what is dropped. */
class RevocationEntries implements RevocationLookup {
  epoch = 0
  size = 0
  readonly retentionMs: number
  readonly #max: number
  readonly #issuers = new Map<string, IssuerEntries>()
  readonly #lapses = new Map<number, Revocation[]>()
  #nextLapse = Number.POSITIVE_INFINITY

  constructor(retentionMs: number, max: number) {
    this.retentionMs = retentionMs
    this.#max = max
  }

  /** Adds one entry, or makes it later; the order of two calls does not matter. */
  add(revocation: Revocation, now: number): void {
    this.#drop(now)
    if (revocation.at + this.retentionMs <= now) return
    const before = this.#find(revocation)
    if (before !== undefined && before >= revocation.at) return
    if (before === undefined) {
      if (this.size >= this.#max) throw new JwtError('COFFER_JWT_REVOCATION_FULL')
      this.size++
      this.#scheduleLapse(revocation, revocation.at)
    }
    const entries = this.#entriesOf(revocation.issuer)
    if (revocation.kind === 'issuer') entries.issuer = revocation.at
    else entries[revocation.kind].set(revocation.value, revocation.at)
    this.epoch++
  }

  isRevoked(token: RevocableToken): boolean {
    const entries = this.#issuers.get(token.issuer)
    if (entries === undefined) return false
    if (token.jti !== undefined && entries.token.has(token.jti)) return true
    if (token.sessionId !== undefined && entries.session.has(token.sessionId)) return true
    return (
      issuedBefore(token.iat, entries.issuer) ||
      issuedBefore(token.iat, entries.subject.get(token.subject)) ||
      (token.clientId !== undefined && issuedBefore(token.iat, entries.client.get(token.clientId)))
    )
  }

  #find(revocation: Revocation): number | undefined {
    const entries = this.#issuers.get(revocation.issuer)
    return revocation.kind === 'issuer' ? entries?.issuer : entries?.[revocation.kind].get(revocation.value)
  }

  #entriesOf(issuer: string): IssuerEntries {
    let entries = this.#issuers.get(issuer)
    if (entries === undefined) {
      entries = { issuer: undefined, token: new Map(), session: new Map(), subject: new Map(), client: new Map() }
      this.#issuers.set(issuer, entries)
    }
    return entries
  }

  /** An entry is in one bucket only; one that was made later meanwhile moves on when its bucket comes. */
  #scheduleLapse(revocation: Revocation, at: number): void {
    const minute = Math.floor((at + this.retentionMs) / 60_000) + 1
    const bucket = this.#lapses.get(minute)
    if (bucket === undefined) this.#lapses.set(minute, [revocation])
    else bucket.push(revocation)
    this.#nextLapse = Math.min(this.#nextLapse, minute)
  }

  /** Drops what no token can still need: it was valid at `at`, and every such token has expired. */
  #drop(now: number): void {
    const minute = Math.floor(now / 60_000)
    if (minute < this.#nextLapse) return
    const due = [...this.#lapses].filter(([lapse]) => lapse <= minute)
    for (const [lapse] of due) this.#lapses.delete(lapse)
    this.#nextLapse = Math.min(...this.#lapses.keys())
    for (const [, bucket] of due) for (const revocation of bucket) this.#lapse(revocation, now)
  }

  #lapse(revocation: Revocation, now: number): void {
    const at = this.#find(revocation)
    const entries = this.#issuers.get(revocation.issuer)
    if (at === undefined || entries === undefined) return
    if (at + this.retentionMs > now) {
      this.#scheduleLapse(revocation, at)
      return
    }
    if (revocation.kind === 'issuer') entries.issuer = undefined
    else entries[revocation.kind].delete(revocation.value)
    this.size--
    const empty = entries.token.size + entries.session.size + entries.subject.size + entries.client.size === 0
    if (empty && entries.issuer === undefined) this.#issuers.delete(revocation.issuer)
  }
}

/** Issued up to and in the second of the revocation; a token that does not say when is taken to be older. */
function issuedBefore(iat: number | undefined, at: number | undefined): boolean {
  if (at === undefined) return false
  return iat === undefined || iat <= Math.floor(at / 1_000)
}
