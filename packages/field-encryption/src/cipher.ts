import type { Indexes } from './blind-index.js'
import type { Columns } from './field.js'
import { Gate } from './gate.js'
import { coreOf, type Keyring, type KeyringCore } from './keyring.js'
import {
  type Clock,
  checkedClock,
  checkFunction,
  checkInteger,
  checkOptions,
  type Mode,
  systemClock,
} from './options.js'
import { type Budget, BudgetMeter, type DecryptEvent } from './purpose.js'
import { checkedRandomBytes, pooledRandomBytes, type RandomBytes } from './random-pool.js'
import { Table } from './table.js'
import { resolveTable } from './table-spec.js'
import type { Binding, TableCipher } from './table-types.js'

export interface FieldCipherOptions<P extends string, M extends Mode> {
  readonly keyring: Keyring<M>
  /** Every reason for which plaintext may be released; at least one. */
  readonly purposes: Readonly<Record<P, { readonly budget?: Budget }>>
  /** Told of every decrypt call before its result is released; if it throws, nothing is released. */
  readonly onDecrypt?: (event: DecryptEvent<P>) => void | (M extends 'async' ? Promise<void> : void)
  readonly clock?: Clock
  /** Default: pooled `crypto.getRandomValues`. An injected source is asked once per message and is not pooled. */
  readonly randomBytes?: RandomBytes
}

export interface FieldCipher<P extends string, M extends Mode = 'sync'> {
  /**
   * Declares the encrypted columns of a table.
   *
   * @param name - Part of every key: a ciphertext of one table does not open in another.
   * @throws TypeError, RangeError naming the option.
   */
  table<const C extends Columns, const B extends Binding, const I extends Indexes<C> = Record<never, never>>(
    name: string,
    columns: C,
    options: { readonly bind: B; readonly indexes?: I },
  ): TableCipher<C, B, I, P, M>
}

/** What other parts of this package take from a cipher. */
interface CipherCore {
  readonly core: KeyringCore
  readonly gate: Gate
}

const cores = new WeakMap<object, CipherCore>()

export function cipherCoreOf(cipher: unknown): CipherCore {
  const found = typeof cipher === 'object' && cipher !== null ? cores.get(cipher) : undefined
  if (found === undefined) throw new TypeError('cipher must come from createFieldCipher of this copy of the package')
  return found
}

/**
 * Makes a cipher over a keyring. Whoever decrypts names one of its purposes.
 *
 * @throws TypeError, RangeError naming the option.
 */
export function createFieldCipher<const P extends string, M extends Mode>(
  options: FieldCipherOptions<P, M>,
): FieldCipher<P, M> {
  checkOptions('createFieldCipher', options, ['keyring', 'purposes', 'onDecrypt', 'clock', 'randomBytes'])
  const { keyring, purposes, onDecrypt, clock: given = systemClock, randomBytes } = options
  const core = coreOf(keyring)
  const clock = checkedClock('clock', given)
  if (onDecrypt !== undefined) checkFunction('onDecrypt', onDecrypt)
  if (randomBytes !== undefined) checkFunction('randomBytes', randomBytes)
  const gate = new Gate({
    purposes: resolvePurposes(purposes),
    clock,
    mode: core.backend.mode,
    onDecrypt: onDecrypt as ((event: DecryptEvent) => unknown) | undefined,
  })
  const random = randomBytes === undefined ? pooledRandomBytes() : checkedRandomBytes(randomBytes)
  const cipher = Object.freeze({
    table(
      name: string,
      columns: Columns,
      tableOptions: { readonly bind: Binding; readonly indexes?: Indexes<Columns> },
    ) {
      if (typeof columns !== 'object' || columns === null) throw new TypeError('columns must be an object')
      const table = new Table({
        core,
        spec: resolveTable(name, columns, tableOptions, clock.now()),
        gate,
        random,
        clock,
      })
      return publish(table, core.backend.mode)
    },
  }) as FieldCipher<P, M>
  cores.set(cipher, { core, gate })
  return cipher
}

function resolvePurposes(
  purposes: Readonly<Record<string, { readonly budget?: Budget }>>,
): ReadonlyMap<string, BudgetMeter | null> {
  if (typeof purposes !== 'object' || purposes === null || Object.keys(purposes).length === 0) {
    throw new TypeError('purposes must declare at least one purpose')
  }
  return new Map(Object.entries(purposes).map(([name, purpose]) => [name, resolveBudget(name, purpose)]))
}

function resolveBudget(name: string, purpose: { readonly budget?: Budget }): BudgetMeter | null {
  const what = `purpose ${JSON.stringify(name)}`
  checkOptions(what, purpose, ['budget'])
  const { budget } = purpose
  if (budget === undefined) return null
  checkOptions(`${what} budget`, budget, ['fields', 'windowMs'])
  return new BudgetMeter({
    fields: checkInteger(`${what} budget.fields`, budget.fields, 1, Number.MAX_SAFE_INTEGER),
    windowMs: checkInteger(`${what} budget.windowMs`, budget.windowMs, 1, Number.MAX_SAFE_INTEGER),
  })
}

/** The table's methods as plain functions; on an async keyring every refusal is a rejection. */
function publish(table: Table, mode: Mode): object {
  const shaped = <A extends readonly unknown[]>(work: (...args: A) => unknown) =>
    mode === 'async' ? async (...args: A) => work(...args) : work
  return Object.freeze({
    encrypt: shaped(table.encrypt.bind(table)),
    decrypt: shaped(table.decrypt.bind(table)),
    encryptMany: shaped(table.encryptMany.bind(table)),
    decryptMany: shaped(table.decryptMany.bind(table)),
    encryptField: shaped(table.encryptField.bind(table)),
    decryptField: shaped(table.decryptField.bind(table)),
    query: shaped(table.query.bind(table)),
    plan: (populations: Readonly<Record<string, number>>) => table.plan(populations),
    stats: () => table.stats(),
  })
}
