/** One byte logic serves both shells: a value where the backend is synchronous, a promise where it is WebCrypto. */
export type Awaitable<T> = T | Promise<T>

export function chain<A, B>(value: Awaitable<A>, next: (value: A) => Awaitable<B>): Awaitable<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** Every value in order; the first refusal wins. */
export function all<T>(values: readonly Awaitable<T>[]): Awaitable<T[]> {
  const settled: T[] = []
  for (const value of values) {
    if (value instanceof Promise) return Promise.all(values)
    settled.push(value)
  }
  return settled
}

/** Runs `work`; its refusal, thrown or rejected, becomes the result of `refused`. */
export function attempt<T, R>(work: () => Awaitable<T>, refused: (error: unknown) => Awaitable<R>): Awaitable<T | R> {
  try {
    const value = work()
    return value instanceof Promise ? value.catch(refused) : value
  } catch (error) {
    return refused(error)
  }
}

/** Runs `work`, and `done` after it, whether it gave a value or refused. */
export function ending<T>(work: () => Awaitable<T>, done: () => void): Awaitable<T> {
  let value: Awaitable<T>
  try {
    value = work()
  } catch (error) {
    done()
    throw error
  }
  if (value instanceof Promise) return value.finally(done)
  done()
  return value
}

/** In async mode a thrown refusal becomes a rejection, so that work already under way is never left unobserved. */
export function start<T>(mode: 'sync' | 'async', work: () => Awaitable<T>): Awaitable<T> {
  return mode === 'sync' ? work() : new Promise<T>((resolve) => resolve(work()))
}

/** What a synchronous backend has given. */
export function settled<T>(value: Awaitable<T>): T {
  if (value instanceof Promise) throw new TypeError('a synchronous backend gave a promise')
  return value
}
