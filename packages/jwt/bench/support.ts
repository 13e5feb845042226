import { generateKeyPairSync, type KeyObject, randomUUID, sign, verify } from 'node:crypto'
import { measure } from 'mitata'

export type Algorithm = 'ES256' | 'RS256' | 'Ed25519'
export const algorithms: readonly Algorithm[] = ['ES256', 'RS256', 'Ed25519']
export const issuer = 'https://id.fincode.example'
export const audience = 'https://api.fincode.example'

function keyPair(algorithm: Algorithm): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  if (algorithm === 'Ed25519') return generateKeyPairSync('ed25519')
  return algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 })
}

/** Access tokens of RFC 9068 that differ in `sub` and `jti`, as requests bring them, and what peers need to judge them. */
export function tokensOf(algorithm: Algorithm, count: number) {
  const { publicKey, privateKey } = keyPair(algorithm)
  // The name that every peer knows.
  const alg: 'ES256' | 'RS256' | 'EdDSA' = algorithm === 'Ed25519' ? 'EdDSA' : algorithm
  const hash = algorithm === 'Ed25519' ? null : 'sha256'
  const now = Math.floor(Date.now() / 1_000)
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = encode({ alg, typ: 'at+jwt', kid: 'k1' })
  const subjects = Array.from({ length: count }, () => randomUUID())
  const tokens = subjects.map((sub) => {
    const claims = { iss: issuer, aud: audience, sub, client_id: 'web', jti: randomUUID(), sid: randomUUID() }
    const payload = encode({ ...claims, iat: now, exp: now + 3_600, scope: 'payments:read' })
    const data = `${header}.${payload}`
    const signature = sign(hash, Buffer.from(data), { key: privateKey, dsaEncoding: 'ieee-p1363' })
    return Buffer.from(`${data}.${signature.toString('base64url')}`).toString('latin1')
  })
  const parts = tokens.map((token) => {
    const cut = token.lastIndexOf('.')
    return { data: Buffer.from(token.slice(0, cut)), signature: Buffer.from(token.slice(cut + 1), 'base64url') }
  })
  const bareKey = algorithm === 'ES256' ? ({ key: publicKey, dsaEncoding: 'ieee-p1363' } as const) : { key: publicKey }
  return {
    alg,
    subjects,
    tokens,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg, use: 'sig' },
    pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    publicKey,
    /** `crypto.verify` and nothing else: bytes cut and decoded before, key prepared. */
    bare: (part: { readonly data: Buffer; readonly signature: Buffer }) =>
      verify(hash, part.data, bareKey, part.signature),
    parts,
  }
}

/** Goes round a list for ever. */
export function round<T>(list: readonly T[]): () => T {
  let at = 0
  return () => {
    const item = list[at] as T
    at = at + 1 === list.length ? 0 : at + 1
    return item
  }
}

/**
 * Times calls beside one another: in turns, so that what slows the machine for a while slows all of them.
 *
 * @returns Per call its median time in ns, and the median over the turns of the first call's time divided by its own.
 */
export async function race<Name extends string>(
  calls: Readonly<Record<Name, () => unknown>>,
  { turns = 9, turnMs = 150 }: { readonly turns?: number; readonly turnMs?: number } = {},
): Promise<Readonly<Record<Name, { readonly ns: number; readonly firstBy: number }>>> {
  const names = Object.keys(calls) as Name[]
  const times = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (let turn = -1; turn < turns; turn++) {
    for (const name of names) {
      // Every sample is a batch, for fast calls and slow ones alike.
      const options = { batch_threshold: 1e12, warmup_threshold: 1e12, batch_samples: 64, min_cpu_time: turnMs * 1e6 }
      const { p50 } = await measure(calls[name], options)
      if (turn >= 0) times.get(name)?.push(p50)
    }
  }
  const of = (name: Name): readonly number[] => times.get(name) ?? []
  const first = of(names[0] as Name)
  const result = names.map((name) => [
    name,
    { ns: median(of(name)), firstBy: median(of(name).map((ns, turn) => (first[turn] as number) / ns)) },
  ])
  return Object.fromEntries(result)
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

/** One line of the table of `scripts/bench.mjs`. */
export function report(row: {
  readonly bench: string
  readonly ours_ns?: number
  readonly peer?: string
  readonly peer_ns?: number
  readonly ratio: number
  readonly target?: string
}): void {
  console.log(JSON.stringify(row))
}
