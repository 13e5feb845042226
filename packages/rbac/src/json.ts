import type { PolicyDocument } from './document.js'
import { PolicyError, type PolicyIssue } from './errors.js'

const MAX_LENGTH = 64 * 1024 * 1024
const MAX_DEPTH = 64

/** Appends one token to an RFC 6901 pointer. */
export function at(pointer: string, token: string | number): string {
  const text = String(token)
  // A large document has a million of these, and next to none has anything to escape.
  if (text.indexOf('~') < 0 && text.indexOf('/') < 0) return `${pointer}/${text}`
  return `${pointer}/${text.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/**
 * Reads a policy document from JSON text (RFC 8259), strictly: a key that occurs twice in one object is refused, where
 * `JSON.parse` would silently keep the last, so that a second `deny` cannot replace the first.
 *
 * Does not check the policy: {@link compilePolicy} does.
 *
 * @param text - At most 64 Mi code units, nested at most 64 deep.
 * @throws {PolicyError} `COFFER_RBAC_POLICY_INVALID` with issues `json-syntax`, `duplicate-key` or `limit-exceeded`
 */
export function parsePolicy(text: string): PolicyDocument {
  if (typeof text !== 'string') throw new TypeError('parsePolicy: text must be a string')
  // Whether it is a policy is for compilePolicy to say: it trusts no type.
  return parseJson(text) as PolicyDocument
}

/** Parses JSON text; duplicate keys, excess depth and excess length are issues like a syntax error is. */
export function parseJson(text: string): unknown {
  if (text.length > MAX_LENGTH)
    throw refuse('limit-exceeded', '', 'the document is too long', `at most ${MAX_LENGTH} code units`)
  try {
    JSON.parse(text)
  } catch {
    throw refuse(
      'json-syntax',
      '',
      `not JSON near ${position(text)}`,
      'RFC 8259: double quotes, no comments, no trailing comma',
    )
  }
  const issues: PolicyIssue[] = []
  const value = new Reader(text, issues).read()
  if (issues.length > 0) throw new PolicyError(issues)
  return value
}

function refuse(code: PolicyIssue['code'], pointer: string, message: string, hint: string): PolicyError {
  return new PolicyError([{ code, pointer, message, hint }])
}

/** Builds the value of a text that is known to be JSON, so that only what JSON.parse hides is left to check. */
class Reader {
  readonly #text: string
  readonly #issues: PolicyIssue[]
  #index = 0

  constructor(text: string, issues: PolicyIssue[]) {
    this.#text = text
    this.#issues = issues
  }

  read(): unknown {
    return this.#value('', 0)
  }

  #value(pointer: string, depth: number): unknown {
    this.#space()
    const start = this.#text[this.#index]
    if (start === '"') return this.#string()
    if (start !== '{' && start !== '[') return this.#literal()
    if (depth >= MAX_DEPTH) throw refuse('limit-exceeded', '', 'nested too deep', `at most ${MAX_DEPTH} levels`)
    return start === '{' ? this.#object(pointer, depth) : this.#array(pointer, depth)
  }

  #object(pointer: string, depth: number): unknown {
    const result: Record<string, unknown> = {}
    this.#index++
    this.#space()
    while (this.#text[this.#index] !== '}') {
      const key = this.#string()
      if (Object.hasOwn(result, key) && this.#issues.length < 1000) {
        this.#issues.push({
          code: 'duplicate-key',
          pointer: at(pointer, key),
          message: `the key ${JSON.stringify(key)} occurs twice`,
          hint: 'keep one of them',
        })
      }
      this.#space()
      this.#index++
      const value = this.#value(at(pointer, key), depth + 1)
      // defineProperty, as JSON.parse does: an assignment to __proto__ would set the prototype.
      Object.defineProperty(result, key, { value, enumerable: true, writable: true, configurable: true })
      this.#separator()
    }
    this.#index++
    return result
  }

  #array(pointer: string, depth: number): unknown {
    const result: unknown[] = []
    this.#index++
    this.#space()
    while (this.#text[this.#index] !== ']') {
      result.push(this.#value(at(pointer, result.length), depth + 1))
      this.#separator()
    }
    this.#index++
    return result
  }

  #string(): string {
    const start = this.#index++
    while (this.#text[this.#index] !== '"') this.#index += this.#text[this.#index] === '\\' ? 2 : 1
    this.#index++
    return String(JSON.parse(this.#text.slice(start, this.#index)))
  }

  #literal(): unknown {
    const start = this.#index
    while (this.#index < this.#text.length && !' \t\n\r,]}'.includes(this.#text.charAt(this.#index))) this.#index++
    return JSON.parse(this.#text.slice(start, this.#index))
  }

  #separator(): void {
    this.#space()
    if (this.#text[this.#index] === ',') this.#index++
    this.#space()
  }

  #space(): void {
    while (this.#index < this.#text.length && ' \t\n\r'.includes(this.#text.charAt(this.#index))) this.#index++
  }
}

/** Line and column of the longest prefix that could still become JSON, found without quoting the text. */
function position(text: string): string {
  const offset = firstError(text)
  const before = text.slice(0, offset)
  const line = before.split('\n').length
  return `line ${line}, column ${offset - before.lastIndexOf('\n')}`
}

function firstError(text: string): number {
  try {
    JSON.parse(text)
  } catch (error) {
    const found = error instanceof Error ? /at position (\d+)/.exec(error.message) : null
    if (found?.[1] !== undefined) return Number(found[1])
  }
  return text.length
}
