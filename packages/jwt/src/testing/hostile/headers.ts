import type { Forge, HostileToken } from './forge.js'

const elsewhere = 'https://elsewhere.test/key'

/** Members that say where a key is or how to read the token, and the wrong `typ` and `kid`. */
export async function headerTokens({
  issuer,
  foreign,
  header,
  claims,
  signBy,
  hostile,
}: Forge): Promise<readonly HostileToken[]> {
  const refused: Readonly<Record<string, readonly unknown[]>> = {
    crit: [[], ['exp'], ['b64'], null],
    jku: [elsewhere, ''],
    jwk: [foreign.publicJwk, null],
    x5u: [elsewhere],
    x5c: [['AA=='], []],
    b64: [false, true],
    zip: ['DEF'],
    cty: ['JWT', ''],
    enc: ['A256GCM'],
    epk: [{}],
    apu: ['AA'],
    apv: ['AA'],
    iv: ['AA'],
    tag: ['AA'],
    p2s: ['AA'],
    p2c: [1],
  }
  const made: HostileToken[] = []
  for (const [name, values] of Object.entries(refused)) {
    for (const value of values) {
      const token = await issuer.sign(header({ [name]: value }), claims())
      made.push(hostile(`${name} ${JSON.stringify(value)?.slice(0, 24)}`, token, 'COFFER_JWT_HEADER_REFUSED'))
    }
  }
  // CVE-2018-0114: the token brings the key that verifies it.
  const own = await signBy(foreign, header({ jwk: foreign.publicJwk }), claims())
  made.push(hostile('a key of its own', own, 'COFFER_JWT_HEADER_REFUSED'))
  for (const typ of [
    'JWT',
    'jwt',
    'logout+jwt',
    'dpop+jwt',
    'secevent+jwt',
    'at+jwt ',
    'at-jwt',
    '',
    null,
    1,
    ['at+jwt'],
    undefined,
  ]) {
    const token = await issuer.sign(header({ typ }), claims())
    made.push(hostile(`typ ${JSON.stringify(typ) ?? 'missing'}`, token, 'COFFER_JWT_TYP_MISMATCH'))
  }
  for (const kid of ['', null, 1, [issuer.kid], 'k'.repeat(257)]) {
    const token = await issuer.sign(header({ kid }), claims())
    made.push(hostile(`kid ${JSON.stringify(kid).slice(0, 24)}`, token, 'COFFER_JWT_HEADER_REFUSED'))
  }
  for (const kid of [
    undefined,
    '../../dev/null',
    "' OR 1=1 --",
    '__proto__',
    'constructor',
    `${issuer.kid}\0`,
    issuer.kid.toUpperCase(),
  ]) {
    const token = await issuer.sign(header({ kid }), claims())
    made.push(hostile(`kid ${JSON.stringify(kid) ?? 'missing'}`, token, 'COFFER_JWT_KEY_UNKNOWN'))
  }
  return made
}
