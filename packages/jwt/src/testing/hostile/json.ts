import type { Forge, HostileToken } from './forge.js'

/** Signed by the issuer itself, but not I-JSON: two readers would take two things from it. */
export async function jsonTokens({ issuer, header, claims, hostile }: Forge): Promise<readonly HostileToken[]> {
  const head = header()
  const body = claims()
  const inner = (text: string, more: string): string => `${text.slice(0, -1)},${more}}`
  const payloads: Readonly<Record<string, string | Uint8Array>> = {
    'a member twice': inner(body, '"aud":"https://other.test"'),
    'a member twice, once escaped': inner(body, '"\\u0061ud":"https://other.test"'),
    'a member twice, deep': inner(body, '"deep":{"a":{"b":1,"b":2}}'),
    'a member twice in a list': inner(body, '"deep":[{"a":1,"a":1}]'),
    __proto__: inner(body, '"__proto__":{"admin":true}'),
    '__proto__, escaped': inner(body, '"\\u005f_proto__":{}'),
    '__proto__, deep': inner(body, '"deep":{"__proto__":1}'),
    'a lone surrogate': inner(body, '"a":"\\ud800"'),
    'a lone surrogate as a name': inner(body, '"\\udfff":1'),
    'an infinite number': inner(body, '"a":1e400'),
    'a negative infinite number': inner(body, '"a":-1e400'),
    'an unsafe integer': inner(body, '"a":9007199254740992'),
    'an unsafe negative integer': inner(body, '"a":-9007199254740993'),
    'a huge exponent': inner(body, '"a":1e300'),
    NaN: inner(body, '"a":NaN'),
    'a leading zero': inner(body, '"a":01'),
    'a plus sign': inner(body, '"a":+1'),
    'a trailing comma': `${body.slice(0, -1)},}`,
    'a comment': `${body.slice(0, -1)}/**/}`,
    'single quotes': "{'a':1}",
    'a byte-order mark': `\ufeff${body}`,
    'text behind it': `${body} x`,
    'a second object behind it': `${body}{}`,
    'a list': `[${body}]`,
    null: 'null',
    'a raw control character': inner(body, '"a":"\u0001"'),
    'UTF-16': utf16(body),
    'an overlong encoding': Uint8Array.from([
      ...new TextEncoder().encode(`${body.slice(0, -1)},"a":"`),
      0xc0,
      0xaf,
      0x22,
      0x7d,
    ]),
    'a truncated character': Uint8Array.from([
      ...new TextEncoder().encode(`${body.slice(0, -1)},"a":"`),
      0xe2,
      0x82,
      0x22,
      0x7d,
    ]),
    'an encoded surrogate': Uint8Array.from([
      ...new TextEncoder().encode(`${body.slice(0, -1)},"a":"`),
      0xed,
      0xa0,
      0x80,
      0x22,
      0x7d,
    ]),
    'nesting beyond the limit': inner(body, `"a":${'['.repeat(40)}${']'.repeat(40)}`),
  }
  const made: HostileToken[] = []
  for (const [id, payload] of Object.entries(payloads)) {
    made.push(hostile(`${id} in the payload`, await issuer.sign(head, payload), 'COFFER_JWT_MALFORMED'))
  }
  const headers: Readonly<Record<string, string>> = {
    'a member twice': inner(head, `"kid":${JSON.stringify(issuer.kid)}`),
    'alg twice': `{"alg":"none",${head.slice(1)}`,
    'alg twice, once escaped': inner(head, '"\\u0061lg":"none"'),
    __proto__: inner(head, '"__proto__":{}'),
    'a list': `[${head}]`,
    'a byte-order mark': `\ufeff${head}`,
  }
  for (const [id, text] of Object.entries(headers)) {
    made.push(hostile(`${id} in the header`, await issuer.sign(text, body), 'COFFER_JWT_MALFORMED'))
  }
  return made
}

function utf16(text: string): Uint8Array {
  const units = Uint16Array.from(text, (character) => character.charCodeAt(0))
  return new Uint8Array(units.buffer)
}
