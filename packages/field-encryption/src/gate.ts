import { type Awaitable, attempt, chain } from './awaitable.js'
import { FieldEncryptionError, type FieldEncryptionErrorCode } from './errors.js'
import type { Clock } from './options.js'
import type { BudgetMeter, DecryptEvent } from './purpose.js'

export interface GateRequest {
  readonly purpose: string
  readonly actor: string | null
  readonly table: string
  /** Like `rows`, asked only when there is a hook to tell. */
  readonly fields: () => readonly string[]
  readonly rows: () => DecryptEvent['rows']
  /** Non-null fields that will be opened, whether or not the open then succeeds. */
  readonly count: number
}

/** The keys that a call met, each once. */
export class KeyIds {
  readonly #ids: string[] = []

  add(id: string): void {
    // Values of one call are mostly under one key.
    if (this.#ids[0] !== id && !this.#ids.includes(id)) this.#ids.push(id)
  }

  list(): readonly string[] {
    return this.#ids
  }
}

/** What the hook is told of a decryption, before it is released. */
export interface Verdict {
  readonly outcome: 'success' | 'partial' | 'failure'
  readonly code: FieldEncryptionErrorCode | null
}

const success: Verdict = { outcome: 'success', code: null }

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

  /** `judge` tells how a call went whose value may hold refusals. */
  release<T>(
    request: GateRequest,
    open: (keyIds: KeyIds) => Awaitable<T>,
    judge: ((value: T) => Verdict) | null = null,
  ): Awaitable<T> {
    const meter = this.#purposes.get(request.purpose)
    if (meter === undefined) throw new TypeError('unknown purpose: declare it in createFieldCipher')
    const keyIds = new KeyIds()
    let opened: Awaitable<T>
    try {
      meter?.take(request.actor, request.count, this.#clock.now())
      opened = open(keyIds)
    } catch (error) {
      return this.#refuse(request, keyIds, error)
    }
    return opened instanceof Promise
      ? this.#later(request, keyIds, opened, judge)
      : this.#told(request, keyIds, opened, judge)
  }

  #later<T>(
    request: GateRequest,
    keyIds: KeyIds,
    opened: Promise<T>,
    judge: ((value: T) => Verdict) | null,
  ): Promise<T> {
    return opened.then(
      (value) => this.#told(request, keyIds, value, judge),
      (error: unknown) => this.#refuse(request, keyIds, error),
    )
  }

  #told<T>(request: GateRequest, keyIds: KeyIds, value: T, judge: ((value: T) => Verdict) | null): Awaitable<T> {
    const told = this.#report(request, keyIds, judge === null ? success : judge(value))
    return told instanceof Promise ? told.then(() => value) : value
  }

  #refuse(request: GateRequest, keyIds: KeyIds, error: unknown): Awaitable<never> {
    const code = error instanceof FieldEncryptionError ? error.code : null
    return chain(this.#report(request, keyIds, { outcome: 'failure', code }), () => {
      throw error
    })
  }

  #report(request: GateRequest, keyIds: KeyIds, { outcome, code }: Verdict): Awaitable<void> {
    const hook = this.#onDecrypt
    if (hook === undefined) return
    const { purpose, actor, table, fields, rows } = request
    const event: DecryptEvent = Object.freeze({
      at: this.#clock.now(),
      purpose,
      actor,
      table,
      fields: Object.freeze([...fields()]),
      rows: Object.freeze(rows()),
      keyIds: Object.freeze([...keyIds.list()]),
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
