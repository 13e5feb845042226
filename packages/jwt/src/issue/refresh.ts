import { encodeBase64url } from '../base64url.js'
import { isEqual } from '../equal-bytes.js'
import { JwtError } from '../errors.js'
import { copyGrant, copyStoredGrant } from './access-token.js'
import type { Grant } from './grant.js'
import type { IssuerConfig, RefreshConfig } from './issuer-options.js'
import type { FamilyState, RevokeTarget } from './refresh-store.js'
import { RefreshKeys, type RefreshToken } from './refresh-token.js'

/** What a spent refresh token was good for. */
export interface RefreshOutcome {
  readonly id: string
  readonly grant: Grant
  readonly claims: Grant['claims']
  readonly refreshToken: string
  readonly retried: boolean
}

/** A family that nobody has stored yet. */
export interface DraftFamily {
  readonly id: string
  readonly token: RefreshToken
}

interface Presented {
  readonly token: RefreshToken
  readonly keys: RefreshKeys
  readonly id: string
}

/** The families of refresh tokens of one issuer: made, rotated, ended (RFC 9700 §4.14.2). */
export class Families {
  readonly #issuer: IssuerConfig
  readonly #config: RefreshConfig
  /** Newest first; the first makes tokens. */
  readonly #keys: readonly [RefreshKeys, ...RefreshKeys[]]

  constructor(issuer: IssuerConfig, config: RefreshConfig) {
    this.#issuer = issuer
    this.#config = config
    const [first, ...older] = config.secrets.map((secret) => new RefreshKeys(secret))
    if (first === undefined) throw new TypeError('refresh.secret must be one to three secrets')
    this.#keys = [first, ...older]
  }

  draft(): DraftFamily {
    const family = random(16)
    return { id: encodeBase64url(family), token: { family, generation: 0, secret: random(32) } }
  }

  /** Stores a new family and gives its first token. */
  async create({ id, token }: DraftFamily, grant: Grant): Promise<string> {
    const { idleMs, ttlMs } = this.#config
    const current = await this.#keys[0].hash(token)
    await this.#store((store) => store.create({ id, grant, current, idleMs, lifetimeMs: ttlMs }))
    return this.#keys[0].format(token)
  }

  async refresh(text: string, clientId: string, scope: readonly string[] | undefined): Promise<RefreshOutcome> {
    const presented = await this.#parse(text)
    if (presented === undefined) throw new JwtError('COFFER_JWT_REFRESH_INVALID')
    if (scope !== undefined) await this.#assertScope(presented, clientId, scope)
    const salt = random(32)
    const next = await this.#keys[0].successor(presented.token, salt)
    const rotated = await this.#rotate(presented, clientId, next, salt)
    if (rotated !== undefined) return this.#authorized(rotated, next, false)
    // A second statement: the one that lost the race may have a snapshot older than the winner's commit.
    const state = await this.#store((store) => store.read(presented.id))
    return this.#judgeSpent(presented, clientId, state)
  }

  async revokeToken(text: string, clientId: string): Promise<void> {
    const presented = await this.#parse(text)
    if (presented === undefined) return
    const state = await this.#store((store) => store.read(presented.id))
    if (state === undefined) return
    // Also of a family that has ended: its last access token may outlive it (RFC 7009 §2.1).
    if (state.grant.clientId === clientId) await this.endSession(presented.id)
    else this.#issuer.onEvent({ type: 'client-mismatch', sessionId: presented.id })
  }

  /** Ends one family: its access tokens by the revocation, its refresh tokens by the store. */
  async endSession(id: string): Promise<void> {
    // Both are tried: a failure of one must not leave the other undone.
    await allDone([this.#revokeSession(id), this.#end({ session: id })])
    this.#issuer.onEvent({ type: 'revoked', sessionId: id })
  }

  /** Ends every family of a subject or client, and the access tokens of each that was live. */
  async endAll(target: RevokeTarget): Promise<void> {
    const failures: unknown[] = []
    for (const id of await this.#end(target)) {
      try {
        await this.#revokeSession(id)
        this.#issuer.onEvent({ type: 'revoked', sessionId: id })
      } catch (error) {
        // The next ones are tried all the same: the store names them once only.
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }

  async #assertScope(presented: Presented, clientId: string, scope: readonly string[]): Promise<void> {
    const state = await this.#store((store) => store.read(presented.id))
    // Anything else that is wrong is told by the rotation, with its own code.
    if (state?.phase !== 'live' || state.grant.clientId !== clientId) return
    const granted = state.grant.scope ?? []
    if (scope.some((one) => !granted.includes(one))) throw new JwtError('COFFER_JWT_SCOPE_WIDENED')
  }

  async #rotate(
    presented: Presented,
    clientId: string,
    next: RefreshToken,
    salt: Uint8Array,
  ): Promise<FamilyState | undefined> {
    const { id, keys, token } = presented
    const from = await keys.hash(token)
    const to = await this.#keys[0].hash(next)
    const { idleMs } = this.#config
    return this.#store((store) => store.rotate({ id, clientId, generation: token.generation, from, to, salt, idleMs }))
  }

  /** A token that could not be rotated: not valid, repeated within the window, or spent long ago and so stolen. */
  async #judgeSpent(presented: Presented, clientId: string, state: FamilyState | undefined): Promise<RefreshOutcome> {
    const { token, keys, id } = presented
    if (state === undefined || state.phase !== 'live') throw new JwtError('COFFER_JWT_REFRESH_INVALID')
    if (state.grant.clientId !== clientId) {
      this.#issuer.onEvent({ type: 'client-mismatch', sessionId: id })
      throw new JwtError('COFFER_JWT_REFRESH_INVALID')
    }
    // Not spent by this store: a token from after its backup.
    if (state.generation <= token.generation) throw new JwtError('COFFER_JWT_REFRESH_INVALID')
    const isLast = state.previous !== undefined && isEqual(state.previous, await keys.hash(token))
    if (isLast && state.salt !== undefined && state.rotatedAgeMs < this.#config.retryWindowMs) {
      const successor = await this.#recompute(token, state.salt, state.current)
      if (successor !== undefined) return this.#authorized(state, successor, true)
    }
    this.#issuer.onEvent({ type: 'reuse-detected', sessionId: id })
    await this.endSession(id)
    throw new JwtError('COFFER_JWT_REFRESH_REUSED')
  }

  /** The successor that was given out, under whichever secret made it. */
  async #recompute(token: RefreshToken, salt: Uint8Array, current: Uint8Array): Promise<RefreshToken | undefined> {
    for (const keys of this.#keys) {
      const successor = await keys.successor(token, salt)
      if (isEqual(await keys.hash(successor), current)) return successor
    }
    return undefined
  }

  async #authorized(state: FamilyState, next: RefreshToken, retried: boolean): Promise<RefreshOutcome> {
    const { id } = state
    const grant = copyStoredGrant(state.grant)
    const answer = await this.#config.authorize?.(Object.freeze({ id, grant: state.grant }))
    if (answer === null) {
      await this.endSession(id)
      throw new JwtError('COFFER_JWT_REFRESH_INVALID')
    }
    const claims = answer?.claims === undefined ? undefined : copyGrant({ ...grant, claims: answer.claims }).claims
    return { id, grant, claims, refreshToken: await this.#format(next, state.current), retried }
  }

  async #format(token: RefreshToken, current: Uint8Array): Promise<string> {
    for (const keys of this.#keys) if (isEqual(await keys.hash(token), current)) return keys.format(token)
    throw new JwtError('COFFER_JWT_REFRESH_INVALID')
  }

  async #parse(text: unknown): Promise<Presented | undefined> {
    if (typeof text !== 'string') return undefined
    for (const keys of this.#keys) {
      const token = await keys.parse(text)
      if (token !== undefined) return { token, keys, id: encodeBase64url(token.family) }
    }
    return undefined
  }

  async #revokeSession(id: string): Promise<void> {
    const { revocation, issuer, clock } = this.#issuer
    await revocation?.revoke({ kind: 'session', issuer, value: id, at: clock.now() })
  }

  async #end(target: RevokeTarget): Promise<readonly string[]> {
    return this.#store((store) => store.revoke(target))
  }

  async #store<T>(call: (store: RefreshConfig['store']) => Promise<T>): Promise<T> {
    try {
      return await call(this.#config.store)
    } catch {
      throw new JwtError('COFFER_JWT_STORE_UNAVAILABLE')
    }
  }
}

/** Waits for all, whatever becomes of one; then throws the first failure. */
export async function allDone(calls: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
