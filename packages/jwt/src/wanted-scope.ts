import { assertOptions } from './check-options.js'
import { scopeToken } from './claims.js'

/**
 * The scope values that `check` is asked for. A demand that is misspelt, empty, or was looked up and not found, is
 * misuse: taken for none, it would let every token in.
 */
export function readWantedScope(options: unknown): readonly string[] {
  assertOptions(options, 'check', ['scope'])
  if (!('scope' in options)) return []
  const { scope }: { readonly scope?: unknown } = options
  const wanted: unknown = typeof scope === 'string' ? scope.split(' ') : scope
  if (!Array.isArray(wanted)) throw new TypeError('scope must be a string or a list; leave it out to ask for none')
  if (wanted.length === 0) throw new TypeError('scope must not be empty: leave it out to ask for none')
  return Array.from(wanted, checkScopeValue)
}

function checkScopeValue(value: unknown): string {
  if (typeof value === 'string' && scopeToken.test(value)) return value
  throw new TypeError('scope must be scope values of RFC 6749 §3.3')
}
