import { encodePart } from '../test-key.js'
import { type Forge, fromBase64url, type HostileToken } from './forge.js'

/** Signatures that are not the issuer's over this text. */
export async function signatureTokens(forge: Forge): Promise<readonly HostileToken[]> {
  const { parts, issuer, foreign, header, claims, signBy, hostile } = forge
  const [head, payload, signature] = parts
  const bytes = fromBase64url(signature)
  const half = bytes.length / 2
  const spoilt: Readonly<Record<string, Uint8Array>> = {
    'the first bit flipped': flip(bytes, 0),
    'the last bit flipped': flip(bytes, bytes.length * 8 - 1),
    'a bit in the middle flipped': flip(bytes, bytes.length * 4),
    'all zero': new Uint8Array(bytes.length),
    'all ones': new Uint8Array(bytes.length).fill(255),
    'r zero': Uint8Array.from(bytes).fill(0, 0, half),
    's zero': Uint8Array.from(bytes).fill(0, half),
    'halves swapped': Uint8Array.from([...bytes.slice(half), ...bytes.slice(0, half)]),
    reversed: Uint8Array.from(bytes).reverse(),
    'a byte missing at the end': bytes.slice(0, -1),
    'a byte missing at the start': bytes.slice(1),
    'a byte more at the end': Uint8Array.from([...bytes, 0]),
    'a byte more at the start': Uint8Array.from([0, ...bytes]),
    doubled: Uint8Array.from([...bytes, ...bytes]),
    'in DER': der(bytes),
    'one byte': Uint8Array.of(1),
  }
  const made = Object.entries(spoilt).map(([id, changed]) =>
    hostile(`signature ${id}`, `${head}.${payload}.${encodePart(changed)}`, 'COFFER_JWT_SIGNATURE_INVALID'),
  )
  const other = (await issuer.token()).split('.')
  made.push(hostile('another token’s signature', `${head}.${payload}.${other[2]}`, 'COFFER_JWT_SIGNATURE_INVALID'))
  made.push(hostile('another token’s payload', `${head}.${other[1]}.${signature}`, 'COFFER_JWT_SIGNATURE_INVALID'))
  made.push(
    hostile(
      'another header',
      `${encodePart(header({ x: 1 }))}.${payload}.${signature}`,
      'COFFER_JWT_SIGNATURE_INVALID',
    ),
  )
  made.push(
    hostile(
      'a raised scope',
      `${head}.${encodePart(claims({ scope: 'admin' }))}.${signature}`,
      'COFFER_JWT_SIGNATURE_INVALID',
    ),
  )
  made.push(
    hostile(
      'another subject',
      `${head}.${encodePart(claims({ sub: 'admin' }))}.${signature}`,
      'COFFER_JWT_SIGNATURE_INVALID',
    ),
  )
  made.push(
    hostile(
      'a foreign key under the same kid',
      await signBy(foreign, header(), claims()),
      'COFFER_JWT_SIGNATURE_INVALID',
    ),
  )
  return made
}

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  return changed
}

/** SEQUENCE of two INTEGERs, as OpenSSL writes an ECDSA signature. */
function der(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2
  const integer = (part: Uint8Array): number[] => [2, part.length + 1, 0, ...part]
  const body = [...integer(raw.slice(0, half)), ...integer(raw.slice(half))]
  return Uint8Array.from([0x30, body.length, ...body])
}
