/** Random bytes of the given length; a wrong length or a throw refuses the encryption. */
export type RandomBytes = (length: number) => Uint8Array

const poolBytes = 8192

/**
 * Slices of one pool, refilled from `crypto.getRandomValues`. Pooling is safe here because salts are hedged: equal
 * random bytes alone never give equal salts. The caller zeroes each slice after use.
 */
export function pooledRandomBytes(): RandomBytes {
  const pool = new Uint8Array(poolBytes)
  let used = poolBytes
  return (length) => {
    if (used + length > poolBytes) {
      globalThis.crypto.getRandomValues(pool)
      used = 0
    }
    const slice = pool.subarray(used, used + length)
    used += length
    return slice
  }
}

/** An injected source, asked once per message and held to its length. */
export function checkedRandomBytes(source: RandomBytes): RandomBytes {
  return (length) => {
    const bytes = source(length)
    if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
      throw new TypeError(`randomBytes(${length}) must return a Uint8Array of that length`)
    }
    return Uint8Array.from(bytes)
  }
}
