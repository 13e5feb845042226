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

interface IssuerEntries {
  issuer: number | undefined
  readonly token: Map<string, number>
  readonly session: Map<string, number>
  readonly subject: Map<string, number>
  readonly client: Map<string, number>
}

/** What was revoked: per issuer four Maps and one time, and one-minute buckets by lapse, so that dropping costs what is dropped. */
export class RevocationEntries {
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
  return iat === undefined || Math.floor(iat) <= Math.floor(at / 1_000)
}
