import { encodePart } from '../test-key.js'
import type { Forge, HostileToken } from './forge.js'

/** Not three parts: too few, too many, other serialisations. */
export async function formTokens({
  good,
  parts,
  issuer,
  header,
  claims,
  hostile,
}: Forge): Promise<readonly HostileToken[]> {
  const [head, payload, signature] = parts
  const malformed: Readonly<Record<string, string>> = {
    nothing: '',
    'one part': head,
    'two parts': `${head}.${payload}`,
    'four parts': `${good}.`,
    'four parts, the last a signature': `${good}.${signature}`,
    'five parts (JWE)': `${head}.${payload}.${signature}.${payload}.${signature}`,
    'dots alone': '..',
    'an empty header': `.${payload}.${signature}`,
    'an empty payload': `${head}..${signature}`,
    'a leading dot': `.${good}`,
    'doubled dots': good.replaceAll('.', '..'),
    'the general JSON serialisation': JSON.stringify({ payload, signatures: [{ protected: head, signature }] }),
    'the flattened JSON serialisation': JSON.stringify({ payload, protected: head, signature }),
  }
  const made = Object.entries(malformed).map(([id, token]) => hostile(id, token, 'COFFER_JWT_MALFORMED'))
  // Compact and JSON at once (CVE-2022-39227): a reader that takes the one checks the other.
  const polyglot = `{"protected":"${head}.","payload":"${payload}.","signature":"${signature}"}`
  made.push(hostile('compact and JSON at once', polyglot, 'COFFER_JWT_ENCODING_INVALID'))
  made.push(hostile('an empty signature', `${head}.${payload}.`, 'COFFER_JWT_SIGNATURE_INVALID'))
  made.push(hostile('detached payload', `${encodePart(header({ b64: false }))}..${signature}`, 'COFFER_JWT_MALFORMED'))
  made.push(hostile('a payload that is a token', await issuer.sign(header(), good), 'COFFER_JWT_MALFORMED'))
  made.push(
    hostile(
      'a payload that is a string',
      await issuer.sign(header(), JSON.stringify(claims())),
      'COFFER_JWT_MALFORMED',
    ),
  )
  return made
}
