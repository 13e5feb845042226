import { JwtError } from '../errors.js'

/** A verifier's default `clockTolerance`, in seconds: a token whose `iat` is further ahead is refused by it. */
const clockTolerance = 5
/** Furthest that a revocation may be dated ahead, in seconds: an index takes none beyond it. */
const maxAhead = 120

/** What this process did under one name, in the current second or ahead of it. */
interface Reached {
  /** The last second that a revocation ended. */
  readonly revoked: number
  /** The latest `iat` of a token. */
  readonly issued: number
}

const nothing: Reached = { revoked: Number.NEGATIVE_INFINITY, issued: Number.NEGATIVE_INFINITY }

/**
 * Dates tokens and revocations of one process so that each revocation ends every token that was issued before it, and
 * none that is issued after it, also within one second. A revocation ends whole seconds of `iat`, so what is issued
 * after it is dated one second on; a name is a subject or a client, and a token has one of each.
 */
export class IssueSeconds {
  readonly #names = new Map<string, Reached>()
  #sweptIn = Number.NaN

  /** The `at` of a revocation, in epoch ms. */
  revoke(name: string, now: number): number {
    const current = this.#sweep(now)
    const { revoked, issued } = this.#names.get(name) ?? nothing
    const second = Math.max(current, revoked, issued)
    this.#names.set(name, { revoked: second, issued: second })
    return Math.max(now, Math.min(second, current + maxAhead) * 1_000)
  }

  /**
   * The `iat` of a token.
   *
   * @throws {JwtError} `COFFER_JWT_GRANT_REFUSED`: it would be so far ahead that a verifier refuses it. The name was
   *   revoked, and a token issued, over and over within seconds, or the clock was set back since.
   */
  issue(names: readonly string[], now: number): number {
    const current = this.#sweep(now)
    const iat = Math.max(current, ...names.map((name) => (this.#names.get(name) ?? nothing).revoked + 1))
    if (iat === current) return iat
    if (iat > current + clockTolerance)
      throw new JwtError('COFFER_JWT_GRANT_REFUSED', {
        message: 'the subject or client was revoked ahead of the clock',
      })
    for (const name of names) {
      const { revoked, issued } = this.#names.get(name) ?? nothing
      this.#names.set(name, { revoked, issued: Math.max(issued, iat) })
    }
    return iat
  }

  /** Forgets what lies behind, once a second. */
  #sweep(now: number): number {
    const current = Math.floor(now / 1_000)
    if (current === this.#sweptIn) return current
    for (const [name, { revoked, issued }] of this.#names)
      if (Math.max(revoked, issued) < current) this.#names.delete(name)
    this.#sweptIn = current
    return current
  }
}
