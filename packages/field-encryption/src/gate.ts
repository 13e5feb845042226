import { type Awaitable, attempt, chain } from './awaitable.js'
import { FieldEncryptionError, type FieldEncryptionErrorCode } from './errors.js'
import type { Clock } from './options.js'
import type { BudgetMeter, DecryptEvent } from './purpose.js'

export interface GateRequest {
  readonly purpose: string
  readonly actor: string | null
  readonly table: string
  readonly fields: readonly string[]
  /** Asked only when there is a hook to tell. */
  readonly rows: () => DecryptEvent['rows']
  /** Non-null fields that will be opened, whether or not the open then succeeds. */
  readonly count: number
}

/** What a decryption did, before it is released. */
export interface GateResult<T> {
  readonly value: T
  readonly keyIds: ReadonlySet<string>
  readonly outcome: 'success' | 'partial' | 'failure'
  readonly code: FieldEncryptionErrorCode | null
}

/** The one way to a plaintext: purpose, budget, open, hook, release, in this order. */
export class Gate {
  readonly #purposes: ReadonlyMap<string, BudgetMeter | null>
  readonly #clock: Clock
  readonly #mode: 'sync' | 'async'
  readonly #onDecrypt: ((event: DecryptEvent) => unknown) | undefined

  constructor(options: {
    readonly purposes: ReadonlyMap<string, BudgetMeter | null>
    readonly clock: Clock
    readonly mode: 'sync' | 'async'
    readonly onDecrypt: ((event: DecryptEvent) => unknown) | undefined
  }) {
    const { purposes, clock, mode, onDecrypt } = options
    this.#purposes = purposes
    this.#clock = clock
    this.#mode = mode
    this.#onDecrypt = onDecrypt
  }

  release<T>(
    request: GateRequest,
    open: (keyIds: Set<string>) => Awaitable<Omit<GateResult<T>, 'keyIds'>>,
  ): Awaitable<T> {
    const meter = this.#purposes.get(request.purpose)
    if (meter === undefined) throw new TypeError('unknown purpose: declare it in createFieldCipher')
    const keyIds = new Set<string>()
    const opened = attempt(
      () => {
        meter?.take(request.actor, request.count, this.#clock.now())
        return open(keyIds)
      },
      (error) => this.#refuse(request, keyIds, error),
    )
    return chain(opened, (result) => chain(this.#report(request, { ...result, keyIds }), () => result.value))
  }

  #refuse(request: GateRequest, keyIds: ReadonlySet<string>, error: unknown): Awaitable<never> {
    const code = error instanceof FieldEncryptionError ? error.code : null
    return chain(this.#report(request, { value: null, keyIds, outcome: 'failure', code }), () => {
      throw error
    })
  }

  #report(request: GateRequest, result: GateResult<unknown>): Awaitable<void> {
    const hook = this.#onDecrypt
    if (hook === undefined) return
    const { purpose, actor, table, fields, rows } = request
    const { outcome, code } = result
    const event: DecryptEvent = Object.freeze({
      at: this.#clock.now(),
      purpose,
      actor,
      table,
      fields: Object.freeze([...fields]),
      rows: Object.freeze(rows()),
      keyIds: Object.freeze([...result.keyIds]),
      outcome,
      code,
    })
    // The hook's own error may hold anything, so it is dropped.
    const failed = (): never => {
      throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_AUDIT_FAILED', { table })
    }
    const told = attempt(() => hook(event) as Awaitable<unknown>, failed)
    if (!isThenable(told)) return
    if (this.#mode === 'sync') {
      // Observed, so that its rejection does not end the process.
      Promise.resolve(told).catch(() => {})
      throw new TypeError('onDecrypt must not return a promise on a synchronous keyring')
    }
    return Promise.resolve(told).then(() => {}, failed)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'then') === 'function'
}
