/** Asymmetric signature algorithms (RFC 7518 §3, RFC 8037, RFC 9864). `EdDSA` is taken as an alias of `Ed25519`. */
export type SignatureAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'Ed25519'
  | 'EdDSA'

/** An algorithm by its one name: no alias. */
export type CanonicalAlgorithm = Exclude<SignatureAlgorithm, 'EdDSA'>

/** What an algorithm asks of a key and of a signature. */
export interface AlgorithmSpec {
  readonly name: CanonicalAlgorithm
  readonly kty: 'RSA' | 'EC' | 'OKP'
  readonly crv: string | undefined
  readonly hash: string | null
  /** RSASSA-PSS: the salt is as long as the digest (RFC 7518 §3.5). */
  readonly saltLength: number | undefined
  /** Exact length of a signature; undefined where the modulus decides. */
  readonly signatureBytes: number | undefined
}

const rsa = (name: CanonicalAlgorithm, hash: string, saltLength?: number): AlgorithmSpec => ({
  name,
  kty: 'RSA',
  crv: undefined,
  hash,
  saltLength,
  signatureBytes: undefined,
})
const ec = (name: CanonicalAlgorithm, hash: string, crv: string, signatureBytes: number): AlgorithmSpec => ({
  name,
  kty: 'EC',
  crv,
  hash,
  saltLength: undefined,
  signatureBytes,
})
const ed25519: AlgorithmSpec = {
  name: 'Ed25519',
  kty: 'OKP',
  crv: 'Ed25519',
  hash: null,
  saltLength: undefined,
  signatureBytes: 64,
}

/** Every algorithm of this package by the name a header or a JWK may give it. */
export const algorithmSpecs: ReadonlyMap<string, AlgorithmSpec> = new Map<SignatureAlgorithm, AlgorithmSpec>([
  ['RS256', rsa('RS256', 'sha256')],
  ['RS384', rsa('RS384', 'sha384')],
  ['RS512', rsa('RS512', 'sha512')],
  ['PS256', rsa('PS256', 'sha256', 32)],
  ['PS384', rsa('PS384', 'sha384', 48)],
  ['PS512', rsa('PS512', 'sha512', 64)],
  ['ES256', ec('ES256', 'sha256', 'P-256', 64)],
  ['ES384', ec('ES384', 'sha384', 'P-384', 96)],
  ['ES512', ec('ES512', 'sha512', 'P-521', 132)],
  ['Ed25519', ed25519],
  ['EdDSA', ed25519],
])

/** The algorithm that a caller's option names. */
export function checkAlgorithm(value: unknown, name: string): AlgorithmSpec {
  const spec = typeof value === 'string' ? algorithmSpecs.get(value) : undefined
  if (spec === undefined) throw new TypeError(`${name} must name asymmetric signature algorithms`)
  return spec
}
