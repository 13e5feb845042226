import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isJwtError } from '@coffer/jwt'
import { verifyJws } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'

type Jwk = Readonly<Record<string, unknown>>
interface Vector {
  readonly tcId: number
  readonly jws?: string
  readonly result: 'valid' | 'invalid'
}
interface Group {
  readonly public?: Jwk
  readonly private?: Jwk
  readonly tests: readonly Vector[]
}

const { COFFER_VECTORS } = process.env
const folder = join(
  COFFER_VECTORS ?? fileURLToPath(new URL('../../../../../shared/vectors', import.meta.url)),
  'wycheproof',
)

/**
 * What is accepted of each file. Every other vector that is labelled valid is an HMAC or a JWE, which this package does
 * not offer, or one of the four whose JWK names another algorithm than the header: 346, 347, 350, 351.
 */
const files = [
  {
    file: 'json_web_signature_test',
    count: 401,
    accepts: [18, 33, ...range(259, 275), 287, 288, ...range(320, 323), ...range(325, 328), 345, 349, 378],
  },
  { file: 'json_web_key_test', count: 26, accepts: [5] },
  { file: 'json_web_crypto_test', count: 83, accepts: [18, 33] },
]

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** A group's key or keys as a public JWKS; where only private ones are given, their private members are left out. */
function jwksOf(group: Group): { readonly keys: readonly Jwk[] } {
  const key = group.public ?? group.private ?? {}
  const { keys } = key
  return { keys: Array.isArray(keys) ? (keys as readonly Jwk[]) : [key] }
}

describe.skipIf(!existsSync(folder)).each(files)('Wycheproof $file', ({ file, count, accepts }) => {
  const path = join(folder, `${file}.json`)
  test.each(['node', 'jose'] as const)(
    `accepts exactly ${accepts.length} of ${count}, by the %s engine`,
    async (engine) => {
      const { testGroups } = JSON.parse(readFileSync(path, 'utf8')) as { readonly testGroups: readonly Group[] }
      const accepted: number[] = []
      let run = 0
      for (const group of testGroups) {
        for (const { tcId, jws } of group.tests) {
          run++
          if (await isAccepted(jws, jwksOf(group), engine)) accepted.push(tcId)
        }
      }
      expect(run).toBe(count)
      expect(accepted).toEqual(accepts)
    },
  )
})

async function isAccepted(
  jws: unknown,
  jwks: { readonly keys: readonly Jwk[] },
  engine: 'node' | 'jose',
): Promise<boolean> {
  try {
    await verifyJws(jws as string, jwks, { engine })
    return true
  } catch (error) {
    if (isJwtError(error)) return false
    throw error
  }
}

if (!existsSync(folder)) test('Wycheproof', (ctx) => ctx.skip('needs the published vectors: set COFFER_VECTORS'))
