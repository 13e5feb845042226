import { type Awaitable, chain } from './awaitable.js'
import type { Backend, Mac } from './backend.js'
import { columnKey, type KeyPurpose } from './context.js'
import type { MacInput } from './mac-input.js'

/** The keys of one column under one data key and tenant, each derived at its first use. */
export class ColumnKeys {
  readonly #derive: (purpose: KeyPurpose) => Awaitable<Mac>
  #enc: Awaitable<Mac> | null = null
  #hedge: Awaitable<Mac> | null = null
  readonly #others = new Map<KeyPurpose, Awaitable<Mac>>()

  constructor(derive: (purpose: KeyPurpose) => Awaitable<Mac>) {
    this.#derive = derive
  }

  get enc(): Awaitable<Mac> {
    this.#enc ??= this.#settle('enc', (mac) => {
      this.#enc = mac
    })
    return this.#enc
  }

  get hedge(): Awaitable<Mac> {
    this.#hedge ??= this.#settle('hedge', (mac) => {
      this.#hedge = mac
    })
    return this.#hedge
  }

  of(purpose: 'siv' | 'blob' | 'idx' | 'pan'): Awaitable<Mac> {
    const known = this.#others.get(purpose)
    if (known !== undefined) return known
    const derived = this.#settle(purpose, (mac) => {
      if (mac === null) this.#others.delete(purpose)
      else this.#others.set(purpose, mac)
    })
    this.#others.set(purpose, derived)
    return derived
  }

  destroy(): void {
    for (const key of [this.#enc, this.#hedge, ...this.#others.values()]) {
      if (key !== null && !(key instanceof Promise)) key.destroy()
    }
  }

  /** Once a promised key is there it replaces its promise; one that failed is derived again. */
  #settle(purpose: KeyPurpose, keep: (mac: Mac | null) => void): Awaitable<Mac> {
    const derived = this.#derive(purpose)
    if (derived instanceof Promise) derived.then(keep, () => keep(null))
    return derived
  }
}

export function deriveColumnKey(
  backend: Backend,
  input: MacInput,
  dataKey: Mac,
  tenant: string | null,
  table: string,
  column: string,
  purpose: KeyPurpose,
): Awaitable<Mac> {
  return chain(columnKey(input, dataKey, tenant, table, column, purpose), (bytes) => {
    const derived = backend.importMac(bytes.subarray(0, 32))
    bytes.fill(0)
    return derived
  })
}
