/**
 * SHA-256 (FIPS 180-4 §6.2), synchronous and without dependency. It names a policy's content; it guards no secret, so a
 * plain implementation suffices where Web Crypto would make every caller asynchronous.
 */
export function sha256Hex(text: string): string {
  const bytes = padded(new TextEncoder().encode(text))
  const view = new DataView(bytes.buffer)
  const state = Uint32Array.of(
    0x6a09e667,
    0xbb67ae85,
    0x3c6ef372,
    0xa54ff53a,
    0x510e527f,
    0x9b05688c,
    0x1f83d9ab,
    0x5be0cd19,
  )
  const schedule = new Uint32Array(64)
  for (let offset = 0; offset < bytes.length; offset += 64) compress(state, schedule, view, offset)
  return Array.from(state, (word) => word.toString(16).padStart(8, '0')).join('')
}

/** FIPS 180-4 §5.1.1: a one bit, zeros, the length in bits as 64-bit big-endian. */
function padded(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / 64) * 64)
  bytes.set(message)
  bytes[message.length] = 0x80
  const view = new DataView(bytes.buffer)
  view.setUint32(bytes.length - 8, Math.floor(message.length / 0x2000_0000))
  view.setUint32(bytes.length - 4, (message.length << 3) >>> 0)
  return bytes
}

function compress(state: Uint32Array, schedule: Uint32Array, view: DataView, offset: number): void {
  for (let t = 0; t < 16; t++) schedule[t] = view.getUint32(offset + t * 4)
  for (let t = 16; t < 64; t++) {
    const s0 = word(schedule, t - 15)
    const s1 = word(schedule, t - 2)
    const sigma0 = rotr(s0, 7) ^ rotr(s0, 18) ^ (s0 >>> 3)
    const sigma1 = rotr(s1, 17) ^ rotr(s1, 19) ^ (s1 >>> 10)
    schedule[t] = word(schedule, t - 16) + sigma0 + word(schedule, t - 7) + sigma1
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
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
  const next = [a, b, c, d, e, f, g, h]
  for (let index = 0; index < 8; index++) state[index] = word(state, index) + (next[index] ?? 0)
}

function rotr(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits))
}

function word(words: Uint32Array, index: number): number {
  return words[index] ?? 0
}

/** FIPS 180-4 §4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K: Uint32Array = cubeRootFractions(64)

function cubeRootFractions(count: number): Uint32Array {
  const words = new Uint32Array(count)
  let prime = 2
  for (let index = 0; index < count; prime++) {
    if (!isPrime(prime)) continue
    // floor(cbrt(prime) * 2^32) in integers: the root of prime * 2^96.
    const target = BigInt(prime) << 96n
    let root = 0n
    for (let bit = 1n << 36n; bit > 0n; bit >>= 1n) if ((root + bit) ** 3n <= target) root += bit
    words[index++] = Number(root & 0xffff_ffffn)
  }
  return words
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}
