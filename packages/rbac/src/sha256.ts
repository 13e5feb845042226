/**
 * SHA-256 (FIPS 180-4 §6.2), synchronous and without dependency. It names a policy's content; it guards no secret, so a
 * plain implementation suffices where Web Crypto would make every caller asynchronous.
 */
export class Sha256 {
  readonly #state: Int32Array = initial.slice()
  readonly #schedule = new Int32Array(64)
  readonly #encoder = new TextEncoder()
  /** What is not encoded yet: a call a token would cost more than the digest does. */
  #pending = ''
  /** Bytes that do not fill a block yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #length = 0

  /** Adds well-formed text in UTF-8. */
  update(text: string): this {
    this.#pending += text
    if (this.#pending.length >= PENDING_UNITS) this.#flush()
    return this
  }

  /** The digest of what was added, in lower-case hex. Ends the computation. */
  hex(): string {
    this.#flush()
    this.#compress(padded(this.#rest, this.#length))
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #flush(): void {
    const added = this.#encoder.encode(this.#pending)
    this.#pending = ''
    this.#length += added.length
    const bytes = new Uint8Array(this.#rest.length + added.length)
    bytes.set(this.#rest)
    bytes.set(added, this.#rest.length)
    const whole = bytes.length - (bytes.length % BLOCK_BYTES)
    this.#compress(bytes.subarray(0, whole))
    this.#rest = bytes.slice(whole)
  }

  #compress(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    for (let offset = 0; offset < bytes.length; offset += BLOCK_BYTES)
      compress(this.#state, this.#schedule, view, offset)
  }
}

const BLOCK_BYTES = 64
const PENDING_UNITS = 16_384

/** FIPS 180-4 §5.1.1: a one bit, zeros, the length of the whole message in bits as 64-bit big-endian. */
function padded(rest: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((rest.length + 9) / BLOCK_BYTES) * BLOCK_BYTES)
  bytes.set(rest)
  bytes[rest.length] = 0x80
  const view = new DataView(bytes.buffer)
  view.setUint32(bytes.length - 8, Math.floor(length / 0x2000_0000))
  view.setUint32(bytes.length - 4, (length << 3) >>> 0)
  return bytes
}

/** FIPS 180-4 §6.2.2, in 32-bit integers throughout. */
function compress(state: Int32Array, schedule: Int32Array, view: DataView, offset: number): void {
  for (let t = 0; t < 16; t++) schedule[t] = view.getInt32(offset + t * 4)
  for (let t = 16; t < 64; t++) {
    const s0 = word(schedule, t - 15)
    const s1 = word(schedule, t - 2)
    const sigma0 = rotr(s0, 7) ^ rotr(s0, 18) ^ (s0 >>> 3)
    const sigma1 = rotr(s1, 17) ^ rotr(s1, 19) ^ (s1 >>> 10)
    schedule[t] = (word(schedule, t - 16) + sigma0 + word(schedule, t - 7) + sigma1) | 0
  }
  let a = word(state, 0)
  let b = word(state, 1)
  let c = word(state, 2)
  let d = word(state, 3)
  let e = word(state, 4)
  let f = word(state, 5)
  let g = word(state, 6)
  let h = word(state, 7)
  for (let t = 0; t < 64; t++) {
    const t1 =
      (h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + word(K, t) + word(schedule, t)) | 0
    const t2 = ((rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  add(state, 0, a)
  add(state, 1, b)
  add(state, 2, c)
  add(state, 3, d)
  add(state, 4, e)
  add(state, 5, f)
  add(state, 6, g)
  add(state, 7, h)
}

function add(state: Int32Array, index: number, value: number): void {
  state[index] = word(state, index) + value
}

function rotr(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits))
}

function word(words: Int32Array, index: number): number {
  return words[index] ?? 0
}

/** FIPS 180-4 §5.3.3: the first 32 bits of the fractional parts of the square roots of the first 8 primes. */
const initial: Int32Array = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)

/** FIPS 180-4 §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K: Int32Array = cubeRootFractions(64)

function cubeRootFractions(count: number): Int32Array {
  const words = new Int32Array(count)
  let prime = 2
  for (let index = 0; index < count; prime++) {
    if (!isPrime(prime)) continue
    // floor(cbrt(prime) * 2^32) in integers: the root of prime * 2^96.
    const target = BigInt(prime) << 96n
    let root = 0n
    for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) if ((root + bit) ** 3n <= target) root += bit
    words[index++] = Number(root & 0xffff_ffffn) | 0
  }
  return words
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}
