/**
 * The fingerprint of moduli from Infineon's RSALib (CVE-2017-15361): their primes are 65537^a modulo a primorial, so
 * the modulus is a power of 65537 modulo every small prime. A modulus made at random fits all of them about once in 2^27.
 */
const primes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]

/** Whether an RSA modulus has the ROCA fingerprint. */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return primes.every((prime) => powersOf65537(prime).has(Number(modulus % BigInt(prime))))
}

function powersOf65537(prime: number): Set<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * (65_537 % prime)) % prime) powers.add(power)
  return powers
}
