/** Reads one value of an answer. Members that the client does not know are left out, so that the API may add some. */
export type Decoder<T> = (value: unknown, pointer: string) => T

export type Decoded<D> = D extends Decoder<infer T> ? T : never

/** Thrown for an answer of another shape than the API documents. Says where, never what was there. */
export class UnreadableAnswer extends Error {
  override readonly name: string = 'UnreadableAnswer'
  /** RFC 6901. */
  readonly pointer: string
  constructor(pointer: string, wanted: string) {
    super(`the answer has no ${wanted} at ${pointer === '' ? 'its root' : pointer}`)
    this.pointer = pointer
  }
}

export const text: Decoder<string> = (value, pointer) => {
  if (typeof value !== 'string') throw new UnreadableAnswer(pointer, 'text')
  return value
}

export const integer: Decoder<number> = (value, pointer) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new UnreadableAnswer(pointer, 'integer')
  return value
}

export const flag: Decoder<boolean> = (value, pointer) => {
  if (typeof value !== 'boolean') throw new UnreadableAnswer(pointer, 'boolean')
  return value
}

/** A member that may be absent: the caller may not see it. */
export function optional<T>(decoder: Decoder<T>): Decoder<T | undefined> {
  return (value, pointer) => (value === undefined ? undefined : decoder(value, pointer))
}

export function nullable<T>(decoder: Decoder<T>): Decoder<T | null> {
  return (value, pointer) => (value === null ? null : decoder(value, pointer))
}

export function list<T>(decoder: Decoder<T>): Decoder<readonly T[]> {
  return (value, pointer) => {
    if (!Array.isArray(value)) throw new UnreadableAnswer(pointer, 'list')
    return value.map((item: unknown, index) => decoder(item, `${pointer}/${index}`))
  }
}

/** How many members an object has, whatever they are. */
export const count: Decoder<number> = (value, pointer) => entriesOf(value, pointer).length

export function members<S extends Readonly<Record<string, Decoder<unknown>>>>(
  shape: S,
): Decoder<{ readonly [K in keyof S]: Decoded<S[K]> }> {
  return (value, pointer) => {
    const given = new Map(entriesOf(value, pointer))
    const read = Object.entries(shape).map(([name, decoder]) => [name, decoder(given.get(name), `${pointer}/${name}`)])
    return Object.fromEntries(read) as { readonly [K in keyof S]: Decoded<S[K]> }
  }
}

function entriesOf(value: unknown, pointer: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new UnreadableAnswer(pointer, 'object')
  return Object.entries(value)
}
