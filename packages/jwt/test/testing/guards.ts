/** One change of one file: a text that occurs exactly once, and what stands there instead. */
export interface Edit {
  readonly file: string
  readonly guard: string
  readonly replacement: string
}

/** A guard taken away. The class is the one of the hostile suite whose tokens it keeps out. */
export interface Guard {
  readonly class: string
  readonly name: string
  readonly edits: readonly Edit[]
  /** Whether another guard still refuses these tokens, so that only their code tells. */
  readonly isSecond?: true
}

function guard(of: string, name: string, file: string, text: string, replacement = ''): Guard {
  return { class: of, name, edits: [{ file, guard: text, replacement }] }
}

const second = (one: Guard): Guard => ({ ...one, isSecond: true })

/** Every class of the hostile suite by the guards that keep its tokens out. */
export const guards: readonly Guard[] = [
  guard(
    'algorithm',
    'the header’s alg chooses from the list',
    'token-verifier.ts',
    'policy.algorithms.get(alg)',
    '[...policy.algorithms.values()][0]',
  ),
  second(
    guard(
      'form',
      'no fourth part',
      'compact.ts',
      "token.indexOf('.', second + 1) !== -1",
      "token.indexOf('.', second + 1) === -2",
    ),
  ),
  {
    class: 'form',
    name: 'no fourth part, and none ignored',
    edits: [
      { file: 'compact.ts', guard: "token.indexOf('.', second + 1) !== -1", replacement: 'false' },
      {
        file: 'compact.ts',
        guard: "const first = token.indexOf('.')",
        replacement: "token = token.split('.').slice(0, 3).join('.')\n  const first = token.indexOf('.')",
      },
    ],
  },
  guard('encoding', 'one spelling', 'base64url.ts', '(seen | a | b | c) > 63 || unused !== 0 ? -1 : at', 'at'),
  guard('json', 'no member twice', 'strict-json.ts', '=== colons ?', '>= 0 ?'),
  guard('json', 'no __proto__', 'strict-json.ts', "if (Object.hasOwn(value, '__proto__')) return -1"),
  guard('json', 'no lone surrogate in a value', 'strict-json.ts', 'if (escapes && loneSurrogate.test(item)) return -1'),
  guard(
    'json',
    'no lone surrogate in a name',
    'strict-json.ts',
    'escapes && Object.keys(value).some((name) => loneSurrogate.test(name))',
    'false',
  ),
  guard('json', 'no inexact number', 'strict-json.ts', '!Number.isSafeInteger(item) &&', 'false &&'),
  guard('json', 'UTF-8', 'strict-json.ts', 'fatal: true', 'fatal: false'),
  guard('json', 'no byte-order mark', 'strict-json.ts', 'ignoreBOM: true', 'ignoreBOM: false'),
  guard('json', 'bounded nesting', 'strict-json.ts', 'if (++depth > maxDepth) return -1', 'depth++'),
  guard(
    'header',
    'refused members',
    'header.ts',
    'if (Object.hasOwn(members, name)) throw',
    'if (name === null) throw',
  ),
  guard('header', 'typ', 'token-verifier.ts', '!policy.rules.typ.has(typ)', 'false'),
  guard('header', 'a kid', 'named-key.ts', "!policy.rules.allowMissing.has('kid')", 'false'),
  second(guard('header', 'a kid of 1 to 256 characters', 'header.ts', "kid !== '' && kid.length <= maxKid", 'true')),
  guard('signature', 'a signature that verifies', 'token-verifier.ts', 'if (!good) throw', 'if (good === null) throw'),
  guard('key', 'use', 'key-hygiene.ts', "if (use !== undefined && use !== 'sig') return 'use'"),
  guard('key', 'key_ops', 'key-hygiene.ts', "operations.includes('verify')", 'true'),
  guard('key', 'alg of another kind', 'key-hygiene.ts', "if (alg !== undefined && named === undefined) return 'alg'"),
  guard('key', 'alg of the same kind', 'key-hygiene.ts', 'fitting.filter((spec) => spec === named)', 'fitting'),
  second(
    guard(
      'key',
      'a key of the algorithm',
      'key-set.ts',
      "key.specs.includes(spec) ? key : 'COFFER_JWT_KEY_UNUSABLE'",
      'key',
    ),
  ),
  guard('claim', 'the audience', 'claims.ts', 'if (policy.audience.has(one)) return true', 'return one !== null'),
  guard(
    'claim',
    'claims that are required',
    'claims.ts',
    "if (value === undefined) return optional ? undefined : refuse(name, 'missing')\n  if (typeof value !== 'string')",
    "if (value === undefined) return undefined\n  if (typeof value !== 'string')",
  ),
  guard(
    'claim',
    'text is text',
    'claims.ts',
    "if (typeof value !== 'string') return refuse(name, 'type')\n  if (value === ''",
    "if (value === ''",
  ),
  guard(
    'claim',
    'text is not empty, nor too long',
    'claims.ts',
    "if (value === '' || (max !== undefined && value.length > max))",
    'if (false)',
  ),
  guard('claim', 'an audience of 1 to 64', 'claims.ts', 'aud.length === 0 || aud.length > maxAudiences', 'false'),
  guard('claim', 'scope as in RFC 6749', 'claims.ts', 'scopeList.test(value) ?', 'true ?'),
  guard('claim', 'acr is text', 'claims.ts', "typeof member(claims, 'acr') !== 'string'", 'false'),
  guard(
    'claim',
    'amr is a list of text',
    'claims.ts',
    "!Array.isArray(amr) || amr.some((one: unknown) => typeof one !== 'string')",
    'false',
  ),
  guard('time', 'exp', 'claims.ts', 'if (!(now < (exp + tolerance) * 1_000))', 'if (false)'),
  guard('time', 'nbf', 'claims.ts', 'nbf !== undefined && !(now >= (nbf - tolerance) * 1_000)', 'false'),
  guard('time', 'iat', 'claims.ts', 'iat !== undefined && !(now >= (iat - tolerance) * 1_000)', 'false'),
  guard('time', 'exp after iat', 'claims.ts', 'iat !== undefined && exp <= iat', 'false'),
  guard('time', 'a bounded lifetime', 'claims.ts', 'lifetime > policy.maxLifetime', 'false'),
  guard('time', 'times are numbers', 'claims.ts', "if (typeof value !== 'number') return refuse(name, 'type')"),
  guard('time', 'times are not negative', 'claims.ts', "value >= 0 ? value : refuse(name, 'value')", 'value'),
  guard('bound', 'no cnf', 'claims.ts', "if (Object.hasOwn(claims, 'cnf')) throw", 'if (claims === null) throw'),
  guard('limit', 'the size of a token', 'compact.ts', 'token.length > limits.tokenChars', 'false'),
  guard('limit', 'the size of a header', 'compact.ts', 'first > limits.headerChars', 'false'),
]
