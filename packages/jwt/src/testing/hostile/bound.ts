import type { Forge, HostileToken } from './forge.js'

const confirmations: readonly unknown[] = [
  {},
  null,
  '',
  false,
  [],
  { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
  { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
  { jwk: { kty: 'EC' } },
  { kid: 'holder' },
]

/** Tokens bound to a key (RFC 7800), shown as if they were plain Bearer tokens. */
export async function boundTokens({ issuer, header, claims, hostile }: Forge): Promise<readonly HostileToken[]> {
  return Promise.all(
    confirmations.map(async (cnf) =>
      hostile(
        `cnf ${JSON.stringify(cnf).slice(0, 24)}`,
        await issuer.sign(header(), claims({ cnf })),
        'COFFER_JWT_SENDER_CONSTRAINED',
      ),
    ),
  )
}
