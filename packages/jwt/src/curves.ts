/** Curve arithmetic for judging public keys once, at import; never for verifying. */

interface ShortWeierstrass {
  readonly bytes: number
  readonly p: bigint
  readonly b: bigint
}

/** FIPS 186-5 / SP 800-186 §3.2.1: y² = x³ - 3x + b over GF(p). */
const curves: ReadonlyMap<string, ShortWeierstrass> = new Map([
  [
    'P-256',
    {
      bytes: 32,
      p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
      b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
    },
  ],
  [
    'P-384',
    {
      bytes: 48,
      p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
      b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
    },
  ],
  [
    'P-521',
    {
      bytes: 66,
      p: 2n ** 521n - 1n,
      b: 0x051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
    },
  ],
])

/** Whether two coordinates, each of the curve's exact length, are a point on it. */
export function isOnCurve(crv: string, x: Uint8Array, y: Uint8Array): boolean {
  const curve = curves.get(crv)
  if (curve === undefined || x.length !== curve.bytes || y.length !== curve.bytes) return false
  const [px, py] = [toBigInt(x), toBigInt(y)]
  if (px >= curve.p || py >= curve.p) return false
  return (py * py - (px * px * px - 3n * px + curve.b)) % curve.p === 0n
}

const p25519 = 2n ** 255n - 19n
const d25519 = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
/** y of the eight points whose order divides 8: 1, -1, 0 and the two y of order 8. */
const smallOrderY: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  p25519 - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  p25519 - 2707385501144840649318225287225658788936804267575313519463743609750303402022n,
])

/** What {@link endsOf} gives for every encoding of these y: as it is, and as y + p where that is still below 2^255. */
const smallOrderEnds: ReadonlySet<number> = new Set(
  [...smallOrderY]
    .flatMap((y) => [y, y + p25519])
    .filter((y) => y < 2n ** 255n)
    .map((y) => Number(((y & 0xffn) << 7n) | (y >> 248n))),
)

/** Whether 32 bytes are the canonical encoding of an Edwards25519 point (RFC 8032 §5.1.3) that has not small order. */
export function isEd25519PublicKey(encoded: Uint8Array): boolean {
  if (encoded.length !== 32) return false
  const y = edwardsY(encoded)
  if (y >= p25519 || smallOrderY.has(y)) return false
  const y2 = (y * y) % p25519
  // x² = (y² - 1) / (d y² + 1) has a root exactly when the quotient, so also the product, is a square (Euler).
  const product = (((y2 - 1n + p25519) % p25519) * ((d25519 * y2 + 1n) % p25519)) % p25519
  return power(product, (p25519 - 1n) / 2n, p25519) === 1n
}

/** Whether the R of an Ed25519 signature has small order, in a canonical or any other encoding. */
export function hasSmallOrderR(signature: Uint8Array): boolean {
  if (!smallOrderEnds.has(endsOf(signature))) return false
  return smallOrderY.has(edwardsY(signature.subarray(0, 32)) % p25519)
}

/** The first byte and the last seven bits of y: of 32768 signatures all but seven are told from small order by them. */
function endsOf(encoded: Uint8Array): number {
  return ((encoded[0] ?? 0) << 7) | ((encoded[31] ?? 0) & 0x7f)
}

function edwardsY(encoded: Uint8Array): bigint {
  return toBigInt(Uint8Array.from(encoded).reverse()) & ((1n << 255n) - 1n)
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n
  let square = base
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Big-endian bytes as a number. */
export function toBigInt(bytes: Uint8Array): bigint {
  let hex = '0x0'
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt(hex)
}
