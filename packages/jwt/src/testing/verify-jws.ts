import { algorithmSpecs, checkAlgorithm, type SignatureAlgorithm } from '../algorithms.js'
import { assertOptions, checkOneOf } from '../check-options.js'
import { decodePart, parsePart } from '../compact.js'
import { type Engine, isFitting } from '../engine.js'
import { joseEngine } from '../engine-jose.js'
import { createNodeEngine } from '../engine-node.js'
import { JwtError } from '../errors.js'
import { readHeader } from '../header.js'
import { readKeySet, selectKey } from '../key-set.js'
import { isNode, nodeCrypto } from '../node-crypto.js'
import { maxKeysLimit } from '../static-keys.js'

/** How a bare JWS is verified. */
export interface VerifyJwsOptions {
  /** The algorithms that may sign. Default: all of this package. */
  readonly algorithms?: readonly SignatureAlgorithm[]
  /** Default: node on Node.js, jose elsewhere. */
  readonly engine?: 'node' | 'jose'
}

/**
 * Verifies a compact JWS and nothing more (RFC 7515 §5.2): one spelling, header, key fitness and signature as a
 * verifier judges them, but no Claims Set. For published vectors; an access token needs `createVerifier`.
 *
 * @param jwks - Public keys; a header without `kid` needs exactly one that fits its algorithm.
 * @returns The payload; it may be empty and need not be JSON.
 * @throws {JwtError} `COFFER_JWT_KEYS_INVALID`, and the codes of a verifier up to `COFFER_JWT_SIGNATURE_INVALID`
 */
export async function verifyJws(
  jws: string,
  jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] },
  options: VerifyJwsOptions = {},
): Promise<Uint8Array> {
  assertOptions(options, 'verifyJws', ['algorithms', 'engine'])
  const { algorithms, engine = isNode ? 'node' : 'jose' } = options
  const read = readKeySet(jwks, maxKeysLimit)
  if (typeof read === 'string') throw new JwtError('COFFER_JWT_KEYS_INVALID')
  const parts = typeof jws === 'string' ? jws.split('.') : []
  const [headerText, payloadText, signatureText] = parts
  if (parts.length !== 3 || !headerText || payloadText === undefined || signatureText === undefined) {
    throw new JwtError('COFFER_JWT_MALFORMED')
  }
  const [headerBytes, payload] = [decodePart(headerText), decodePart(payloadText)]
  decodePart(signatureText)
  const { alg, kid } = readHeader(parsePart(headerBytes, 32))
  const allowed = algorithms?.map((one) => checkAlgorithm(one, 'algorithms'))
  const spec = alg === undefined ? undefined : algorithmSpecs.get(alg)
  if (spec === undefined || allowed?.includes(spec) === false) throw new JwtError('COFFER_JWT_ALGORITHM_REFUSED')
  const key = selectKey(read.set, kid, spec)
  if (typeof key === 'string') throw new JwtError(key)
  const signed = { token: jws, signedLength: headerText.length + 1 + payloadText.length }
  if (!isFitting(signed, key)) throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
  if (!(await engineOf(engine).verify(signed, key, spec))) throw new JwtError('COFFER_JWT_SIGNATURE_INVALID')
  return payload
}

function engineOf(name: unknown): Engine {
  const asked = checkOneOf(name, 'engine', ['node', 'jose'])
  if (asked === 'jose') return joseEngine
  if (nodeCrypto === undefined) throw new TypeError("engine 'node' needs a runtime with node:crypto")
  return createNodeEngine(nodeCrypto)
}
