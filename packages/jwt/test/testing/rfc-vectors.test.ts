import { verifyJws } from '@coffer/jwt/testing'
import { describe, expect, test } from 'vitest'
import { thumbprint } from '../../src/key-set.js'
import { codeOfAsync, testKey } from '../support.js'

const { COFFER_DEEP } = process.env
const engines = ['node', 'jose'] as const
const joe = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ'
const joeClaims = '{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'

/** RFC 7520 §4: what its examples sign, and the keys of §3.1 and §3.3. */
const frodo =
  'SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4'
const frodoText =
  "It’s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, there’s no knowing where you might be swept off to."
const bilboRsa = {
  kty: 'RSA',
  kid: 'bilbo.baggins@hobbiton.example',
  use: 'sig',
  n: 'n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw',
  e: 'AQAB',
}
const bilboEc = {
  kty: 'EC',
  kid: 'bilbo.baggins@hobbiton.example',
  use: 'sig',
  crv: 'P-521',
  x: 'AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt',
  y: 'AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1',
}

const accepted = [
  {
    name: 'RFC 7515 A.2',
    jwk: {
      kty: 'RSA',
      n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ',
      e: 'AQAB',
    },
    jws: `eyJhbGciOiJSUzI1NiJ9.${joe}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`,
    payload: joeClaims,
  },
  {
    name: 'RFC 7515 A.3',
    jwk: {
      kty: 'EC',
      crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
    },
    jws: `eyJhbGciOiJFUzI1NiJ9.${joe}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
    payload: joeClaims,
  },
  {
    name: 'RFC 7515 A.4',
    jwk: {
      kty: 'EC',
      crv: 'P-521',
      x: 'AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk',
      y: 'ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2',
    },
    jws: 'eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn',
    payload: 'Payload',
  },
  {
    name: 'RFC 7520 §4.1',
    jwk: bilboRsa,
    jws: `eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.${frodo}.MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg`,
    payload: frodoText,
  },
  {
    name: 'RFC 7520 §4.2',
    jwk: bilboRsa,
    jws: `eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.${frodo}.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw`,
    payload: frodoText,
  },
  {
    name: 'RFC 7520 §4.3',
    jwk: bilboEc,
    jws: `eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.${frodo}.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2`,
    payload: frodoText,
  },
  {
    name: 'RFC 8037 A.4',
    jwk: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
    jws: 'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
    payload: 'Example of Ed25519 signing',
  },
] as const

const hmacHeader = 'eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9'
const hmacSignature = 's0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0'
const hmacHeaderPlain = { kid: '018c0ae5-4d9b-471b-bfd6-eef314bc7037' }
/** RFC 7520 §4.8: three signatures, of which the first two would verify under keys that are offered. */
const threeSignatures = [
  {
    protected: 'eyJhbGciOiJSUzI1NiJ9',
    header: { kid: bilboRsa.kid },
    signature:
      'MIsjqtVlOpa71KE-Mss8_Nq2YH4FGhiocsqrgi5NvyG53uoimic1tcMdSg-qptrzZc7CG6Svw2Y13TDIqHzTUrL_lR2ZFcryNFiHkSw129EghGpwkpxaTn_THJTCglNbADko1MZBCdwzJxwqZc-1RlpO2HibUYyXSwO97BSe0_evZKdjvvKSgsIqjytKSeAMbhMBdMma622_BG5t4sdbuCHtFjp9iJmkio47AIwqkZV1aIZsv33uPUqBBCXbYoQJwt7mxPftHmNlGoOSMxR_3thmXTCm4US-xiNOyhbm8afKK64jU6_TPtQHiJeQJxz9G3Tx-083B745_AfYOnlC9w',
  },
  {
    header: { alg: 'ES512', kid: bilboEc.kid },
    signature:
      'ARcVLnaJJaUWG8fG-8t5BREVAuTY8n8YHjwDO1muhcdCoFZFFjfISu0Cdkn9Ybdlmi54ho0x924DUz8sK7ZXkhc7AFM8ObLfTvNCrqcI3Jkl2U5IX3utNhODH6v7xgy1Qahsn0fyb4zSAkje8bAWz4vIfj5pCMYxxm4fgV3q7ZYhm5eD',
  },
  { protected: hmacHeader, signature: hmacSignature },
]
const refused = [
  ['RFC 7520 §4.4, HMAC', `${hmacHeader}.${frodo}.${hmacSignature}`, 'COFFER_JWT_ALGORITHM_REFUSED'],
  [
    'RFC 7520 §4.4, as JSON',
    JSON.stringify({ payload: frodo, protected: hmacHeader, signature: hmacSignature }),
    'COFFER_JWT_MALFORMED',
  ],
  ['RFC 7520 §4.5, detached', `${hmacHeader}..${hmacSignature}`, 'COFFER_JWT_ALGORITHM_REFUSED'],
  [
    'RFC 7520 §4.5, as JSON',
    JSON.stringify({ protected: hmacHeader, signature: hmacSignature }),
    'COFFER_JWT_MALFORMED',
  ],
  [
    'RFC 7520 §4.6, with an unprotected header',
    JSON.stringify({
      payload: frodo,
      protected: 'eyJhbGciOiJIUzI1NiJ9',
      header: hmacHeaderPlain,
      signature: 'bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20',
    }),
    'COFFER_JWT_MALFORMED',
  ],
  [
    'RFC 7520 §4.7, with no protected header',
    JSON.stringify({
      payload: frodo,
      header: { alg: 'HS256', ...hmacHeaderPlain },
      signature: 'xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk',
    }),
    'COFFER_JWT_MALFORMED',
  ],
  [
    'RFC 7520 §4.8, of three signatures',
    JSON.stringify({ payload: frodo, signatures: threeSignatures }),
    'COFFER_JWT_MALFORMED',
  ],
] as const

describe.each(engines)('the %s engine', (engine) => {
  test.each(accepted)('accepts $name', async ({ jwk, jws, payload }) => {
    expect(Buffer.from(await verifyJws(jws, { keys: [jwk] }, { engine })).toString()).toBe(payload)
  })

  test.each(accepted)(
    'refuses $name with any bit of its signature flipped',
    async ({ jwk, jws }) => {
      const cut = jws.lastIndexOf('.') + 1
      const signature = Buffer.from(jws.slice(cut), 'base64url')
      const step = COFFER_DEEP === '1' ? 1 : 61
      for (let bit = 0; bit < signature.length * 8; bit += step) {
        const flipped = Buffer.from(signature)
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        const code = await codeOfAsync(() =>
          verifyJws(jws.slice(0, cut) + flipped.toString('base64url'), { keys: [jwk] }, { engine }),
        )
        if (code !== 'COFFER_JWT_SIGNATURE_INVALID') expect(code, `bit ${bit}`).toBe('COFFER_JWT_SIGNATURE_INVALID')
      }
    },
    120_000,
  )

  test.each(refused)('refuses %s', async (_, jws, code) => {
    for (const jwk of [bilboRsa, bilboEc])
      expect(await codeOfAsync(() => verifyJws(jws, { keys: [jwk] }, { engine }))).toBe(code)
  })

  test('refuses RFC 7515 A.1 (HMAC), A.5 (none) and A.6 (JSON serialisation)', async () => {
    const keys = accepted.map(({ jwk }) => jwk).slice(1, 2)
    const a1 = `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${joe}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`
    const a5 = `eyJhbGciOiJub25lIn0.${joe}.`
    const a6 = JSON.stringify({
      payload: joe,
      signatures: [{ protected: 'eyJhbGciOiJFUzI1NiJ9', signature: 'DtEhU3lj' }],
    })
    expect(await codeOfAsync(() => verifyJws(a1, { keys }, { engine }))).toBe('COFFER_JWT_ALGORITHM_REFUSED')
    expect(await codeOfAsync(() => verifyJws(a5, { keys }, { engine }))).toBe('COFFER_JWT_ALGORITHM_REFUSED')
    expect(await codeOfAsync(() => verifyJws(a6, { keys }, { engine }))).toBe('COFFER_JWT_MALFORMED')
  })
})

test('RFC 7638 §3.1 has its thumbprint', async () => {
  const n =
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
  expect(await thumbprint({ jwk: { kty: 'RSA', n, e: 'AQAB' } })).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
})

test('what is no text, or names no algorithm, is no JWS', async () => {
  const header = Buffer.from('{"kid":"x"}').toString('base64url')
  const keys = [testKey('ES256').jwk]
  expect(await codeOfAsync(() => verifyJws(1 as never, { keys }))).toBe('COFFER_JWT_MALFORMED')
  expect(await codeOfAsync(() => verifyJws(`${header}..AA`, { keys }))).toBe('COFFER_JWT_ALGORITHM_REFUSED')
})
