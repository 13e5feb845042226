import type { Indexes, IndexOptions } from './blind-index.js'
import type { BoundValue } from './context.js'
import type { FieldEncryptionError } from './errors.js'
import type { Columns, DeterministicColumn, Input, Opened, Stored } from './field.js'
import type { PlanEntry } from './index-plan.js'
import type { Mode, Out } from './options.js'

/** Which properties of a row its ciphertexts are bound to. `null` is written out, so that it is visible in review. */
export interface Binding {
  readonly tenant: string | null
  readonly row: string | null
  /** Further bound properties, such as a version that detects a cell set back to its own older value. */
  readonly extra?: readonly string[]
}

type ExtraName<B extends Binding> = B['extra'] extends readonly (infer N extends string)[] ? N : never
type BoundName<B extends Binding> = Extract<B['tenant'], string> | Extract<B['row'], string> | ExtraName<B>

/** The bound properties: strings, safe integers or bigints; `42`, `42n` and `'42'` are one context. */
export type BoundValues<B extends Binding> = { readonly [K in BoundName<B>]: BoundValue }

/** A row to encrypt: any subset of the columns, and every bound property. Other properties pass through. */
export type PlainRow<C extends Columns, B extends Binding> = {
  readonly [K in keyof C]?: Input<C[K]> | null | undefined
} & BoundValues<B>

/** A row as the database returns it; plaintext of a column that is not migrating is refused at run time. */
export type StoredRow<C extends Columns, B extends Binding> = {
  readonly [K in keyof C]?: string | Uint8Array | Input<C[K]> | null | undefined
} & BoundValues<B>

type HidesNull<C> = null extends Opened<C> ? true : false

type StoredCell<C, V> = Stored<C> | (HidesNull<C> extends true ? never : Extract<V, null>) | Extract<V, undefined>

type Token<O> = O extends { readonly encoding: 'bytes' } ? Uint8Array : string

type IndexColumns<O> = O extends IndexOptions ? O['on'][number] : never

/** The row with ciphertexts in place of the columns, and a token for each index whose columns it holds. */
export type EncryptedRow<R, C extends Columns, I> = {
  [K in keyof R]: K extends keyof C ? StoredCell<C[K], R[K]> : R[K]
} & { [N in keyof I as IndexColumns<I[N]> extends keyof R ? N : never]: Token<I[N]> | null }

type OpenedCell<C, V> = Opened<C> | Extract<V, null | undefined>

/** The row with the opened columns; columns that were not opened and index tokens are left out. */
export type OpenedRow<R, C extends Columns, I, F extends keyof C = keyof C> = {
  [K in keyof R as K extends F ? K : K extends keyof C | keyof I ? never : K]: K extends F
    ? OpenedCell<C[K], R[K]>
    : R[K]
}

export interface DecryptOptions<P extends string, C extends Columns, F extends keyof C = keyof C> {
  /** One of the purposes the cipher declares. */
  readonly purpose: P
  /** Who asks; budgets are counted per purpose and actor. */
  readonly actor?: string
  /** Opens only these columns; default: all that the row holds. */
  readonly fields?: readonly F[]
}

export type RowResult<T> = { readonly row: T } | { readonly error: FieldEncryptionError }

export type Counts<C extends Columns> = { readonly [K in keyof C]: number }

type TenantValue<B extends Binding> = { readonly [K in Extract<B['tenant'], string>]: BoundValue }

/** The values a query is made of: the index's columns (or the deterministic column), and the bound tenant. */
export type QueryValues<K, C extends Columns, B extends Binding, I> = TenantValue<B> & {
  readonly [N in K extends keyof I ? IndexColumns<I[K]> & keyof C : K & keyof C]: Input<C[N]> | null
}

export interface TableCipher<
  C extends Columns,
  B extends Binding,
  I extends Indexes<C>,
  P extends string,
  M extends Mode = 'sync',
> {
  /** A copy of the row with its columns encrypted. All or nothing. */
  encrypt<R extends PlainRow<C, B>>(row: R): Out<M, EncryptedRow<R, C, I>>
  /** Opens the columns of a row for a purpose. Nothing is released before all of it is authentic and reported. */
  decrypt<R extends StoredRow<C, B>, const F extends keyof C = keyof C>(
    row: R,
    options: DecryptOptions<P, C, F>,
  ): Out<M, OpenedRow<R, C, I, F>>
  /** At most 10 000 rows, in order, all or nothing. Blocks while it runs: servers pass slices. */
  encryptMany<R extends PlainRow<C, B>>(rows: readonly R[]): Out<M, EncryptedRow<R, C, I>[]>
  /** At most 10 000 rows, in order. `onRowFailure: 'collect'` gives row or error per item. */
  decryptMany<R extends StoredRow<C, B>, const F extends keyof C = keyof C>(
    rows: readonly R[],
    options: DecryptOptions<P, C, F> & { readonly onRowFailure: 'collect' },
  ): Out<M, RowResult<OpenedRow<R, C, I, F>>[]>
  decryptMany<R extends StoredRow<C, B>, const F extends keyof C = keyof C>(
    rows: readonly R[],
    options: DecryptOptions<P, C, F>,
  ): Out<M, OpenedRow<R, C, I, F>[]>
  /** One value, for hooks that see no row. */
  encryptField<K extends keyof C>(
    column: K,
    value: Input<C[K]> | null,
    context: BoundValues<B>,
  ): Out<M, Stored<C[K]> | (HidesNull<C[K]> extends true ? never : null)>
  decryptField<K extends keyof C>(
    column: K,
    stored: string | Uint8Array | null,
    context: BoundValues<B>,
    options: Omit<DecryptOptions<P, C>, 'fields'>,
  ): Out<M, Opened<C[K]> | null>
  /** What to look for in the index column: one token per key that may still decrypt. Empty when a value is null. */
  query<K extends (keyof I & string) | DeterministicColumn<C>>(
    name: K,
    values: QueryValues<K, C, B, I>,
  ): Out<M, readonly (K extends keyof I ? Token<I[K]> : K extends keyof C ? Stored<C[K]> : never)[]>
  /** What each index and deterministic column gives away, for a number of distinct values each. Warns, never refuses. */
  plan(populations: { readonly [N in (keyof I & string) | DeterministicColumn<C>]?: number }): readonly PlanEntry[]
  /** Values handled in this process since the table was made. */
  stats(): { readonly encrypted: Counts<C>; readonly decrypted: Counts<C>; readonly plaintextRead: Counts<C> }
}
