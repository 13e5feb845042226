import { encodePart } from '../test-key.js'
import type { Forge, HostileToken } from './forge.js'

/** Inputs that cost more to read than to send. */
export async function limitTokens({
  good,
  parts,
  issuer,
  header,
  claims,
  hostile,
}: Forge): Promise<readonly HostileToken[]> {
  const large = 'COFFER_JWT_TOO_LARGE'
  const filler = 'x'.repeat(8_000)
  return [
    hostile('a payload beyond the limit', await issuer.sign(header(), claims({ filler })), large),
    hostile('a header beyond the limit', await issuer.sign(header({ filler: 'x'.repeat(3_000) }), claims()), large),
    hostile('a character beyond the limit', good.padEnd(8_193, 'A'), large),
    hostile('2 MiB', 'A'.repeat(2 * 2 ** 20), large),
    hostile('2 MiB of dots', '.'.repeat(2 * 2 ** 20), large),
    hostile('100 000 dots', '.'.repeat(100_000), large),
    hostile('8 KiB of brackets', `${parts[0]}.${encodePart('['.repeat(5_000))}.${parts[2]}`, 'COFFER_JWT_MALFORMED'),
    hostile('8 KiB of objects', `${parts[0]}.${encodePart('{"a":'.repeat(1_000))}.${parts[2]}`, 'COFFER_JWT_MALFORMED'),
  ]
}
