import { Problem } from './problem.js'

/** Deeper nesting than any schema of this API has. */
const maxDepth = 16
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses a body as I-JSON (RFC 7493): UTF-8 without BOM, no member twice in an object, no number that would come out
 * as another number, no lone surrogate, no NUL, no member that names a prototype.
 *
 * `JSON.parse` judges the syntax; the second pass over the same text finds what it lets through in silence.
 *
 * @throws {Problem} `malformed-request`
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Problem('malformed-request')
  }
  scan(text)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new Problem('malformed-request')
  }
}

const token = /"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[{}[\]:,]/g

/** The text is valid JSON here, so a string is a member name exactly when a colon follows it. */
function scan(text: string): void {
  const open: (Set<string> | null)[] = []
  let pending: string | undefined
  for (const [symbol] of text.matchAll(token)) {
    if (symbol === '{' || symbol === '[') {
      open.push(symbol === '{' ? new Set() : null)
      if (open.length > maxDepth) throw new Problem('malformed-request')
    } else if (symbol === '}' || symbol === ']') open.pop()
    else if (symbol === ':') addMember(open.at(-1), pending)
    else if (symbol.startsWith('"')) pending = readString(symbol)
    else if (symbol !== ',') checkNumber(symbol)
  }
}

function readString(quoted: string): string {
  const value: unknown = JSON.parse(quoted)
  // With the u flag a surrogate matches only when it has no partner.
  if (typeof value !== 'string' || value.includes('\0') || /\p{Surrogate}/u.test(value)) {
    throw new Problem('malformed-request')
  }
  return value
}

/** Two members of one name mean two things to two parsers; `__proto__` is an own property here and a prototype elsewhere. */
function addMember(members: Set<string> | null | undefined, name: string | undefined): void {
  if (members === null || members === undefined || name === undefined || name === '__proto__' || members.has(name)) {
    throw new Problem('malformed-request')
  }
  members.add(name)
}

/** A number stands for itself: `1e400` would be Infinity, `-0` would lose its sign, 2^53 + 1 its last digit. */
function checkNumber(text: string): void {
  const value = Number(text)
  if (!Number.isFinite(value) || Object.is(value, -0) || decimal(text) !== decimal(String(value))) {
    throw new Problem('malformed-request')
  }
}

/** Sign, digits without outer zeros, and the exponent of the last digit: one text for each decimal number. */
function decimal(text: string): string {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.')
  const digits = (whole + fraction).replace(/^0+/, '')
  const significant = withoutLastZeros(digits)
  if (significant === '') return '0'
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length)
  return `${text.startsWith('-') ? '-' : ''}${significant}e${scale}`
}

/** A pattern (`/0+$/`) would look at each run of zeros again from each of its zeros. */
function withoutLastZeros(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.slice(0, end)
}
