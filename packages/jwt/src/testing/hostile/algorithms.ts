import { encodePart } from '../test-key.js'
import type { Forge, HostileToken } from './forge.js'

const hmacs = { HS256: 'SHA-256', HS384: 'SHA-384', HS512: 'SHA-512' } as const

/** Algorithm confusion: none, HMAC under every form of the public key, and names that are not on the list. */
export async function algorithmTokens(forge: Forge): Promise<readonly HostileToken[]> {
  const { issuer, parts, header, claims, hostile } = forge
  const made: HostileToken[] = []
  for (const alg of ['none', 'None', 'NONE', 'nOnE', '']) {
    const unsigned = `${encodePart(header({ alg }))}.${parts[1]}.`
    made.push(hostile(`alg ${alg || 'empty'} without signature`, unsigned, 'COFFER_JWT_ALGORITHM_REFUSED'))
    made.push(hostile(`alg ${alg || 'empty'} with a signature`, unsigned + parts[2], 'COFFER_JWT_ALGORITHM_REFUSED'))
  }
  for (const [form, secret] of Object.entries(await formsOfPublicKey(forge))) {
    for (const [alg, hash] of Object.entries(hmacs)) {
      const data = `${encodePart(header({ alg }))}.${parts[1]}`
      const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['sign'])
      const mac = new Uint8Array(await crypto.subtle.sign('HMAC', key, Uint8Array.from(new TextEncoder().encode(data))))
      made.push(
        hostile(
          `${alg} keyed by the public key as ${form}`,
          `${data}.${encodePart(mac)}`,
          'COFFER_JWT_ALGORITHM_REFUSED',
        ),
      )
    }
  }
  const names = [
    'ES256K',
    'ES512K',
    'RS1',
    'Ed448',
    'dir',
    'RSA-OAEP',
    ` ${issuer.algorithm}`,
    issuer.algorithm.toLowerCase(),
  ]
  for (const alg of [...names, null, 1, [issuer.algorithm], { name: issuer.algorithm }, undefined]) {
    const token = await issuer.sign(header({ alg }), claims())
    made.push(hostile(`alg ${JSON.stringify(alg) ?? 'missing'}`, token, 'COFFER_JWT_ALGORITHM_REFUSED'))
  }
  return made
}

async function formsOfPublicKey({ issuer }: Forge): Promise<Readonly<Record<string, Uint8Array<ArrayBuffer>>>> {
  const jwk = issuer.jwks().keys[0] ?? {}
  const text = (value: string): Uint8Array<ArrayBuffer> => Uint8Array.from(new TextEncoder().encode(value))
  const { x, n } = jwk
  return { JSON: text(JSON.stringify(jwk)), 'its first member': text(String(x ?? n)), nothing: new Uint8Array(1) }
}
