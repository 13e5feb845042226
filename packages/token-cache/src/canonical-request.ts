/** What a token is asked for. */
export interface TokenRequest {
  /** RFC 6749 §3.3: space-separated, or a list. */
  readonly scope?: string | readonly string[]
  readonly audience?: string | readonly string[]
  readonly tenant?: string
  /** Further parameters of the token request; none that the protocol itself uses. */
  readonly params?: Readonly<Record<string, string>>
}

/** A request in its one spelling: sets sorted and without duplicates, absent kept apart from empty. */
export interface CanonicalRequest {
  readonly scope: readonly string[] | undefined
  readonly audience: readonly string[] | undefined
  readonly tenant: string | undefined
  readonly params: readonly (readonly [string, string])[]
}

/** What the grants of a cache can carry. */
export interface RequestRules {
  /** Parameter names that the protocol or the endpoint uses itself. */
  readonly reserved: ReadonlySet<string>
  readonly tenant: 'refused' | 'allowed' | 'required'
}

const maxCharacters = 8_192
const scopeToken = /^[\x21\x23-\x5B\x5D-\x7E]+$/

/**
 * Validates and freezes a request.
 *
 * @throws {TypeError} for what cannot be sent as asked; {RangeError} above 8192 characters in all.
 */
export function canonicalRequest(request: TokenRequest, rules: RequestRules): CanonicalRequest {
  for (const name of Object.keys(request)) {
    if (!['scope', 'audience', 'tenant', 'params'].includes(name)) throw new TypeError(`request.${name} is not known`)
  }
  const canonical: CanonicalRequest = Object.freeze({
    scope: request.scope === undefined ? undefined : scopeSet(request.scope),
    audience: request.audience === undefined ? undefined : audienceSet(request.audience),
    tenant: tenantOf(request.tenant, rules),
    params: paramList(request.params ?? {}, rules),
  })
  if (charactersOf(canonical) > maxCharacters) throw new RangeError(`request exceeds ${maxCharacters} characters`)
  return canonical
}

function scopeSet(scope: string | readonly string[]): readonly string[] {
  const tokens = typeof scope === 'string' ? (scope === '' ? [] : scope.split(' ')) : [...scope]
  for (const token of tokens) {
    if (typeof token !== 'string' || !scopeToken.test(token))
      throw new TypeError('request.scope is no scope of RFC 6749 §3.3')
  }
  return sortedSet(tokens)
}

function audienceSet(audience: string | readonly string[]): readonly string[] {
  const values = typeof audience === 'string' ? [audience] : [...audience]
  if (values.length === 0 || values.some((value) => typeof value !== 'string' || value === '')) {
    throw new TypeError('request.audience must be non-empty')
  }
  return sortedSet(values)
}

function tenantOf(tenant: string | undefined, rules: RequestRules): string | undefined {
  if (tenant === undefined) {
    if (rules.tenant === 'required')
      throw new TypeError('request.tenant is required: the endpoint URL contains {tenant}')
    return undefined
  }
  if (typeof tenant !== 'string' || tenant === '') throw new TypeError('request.tenant must be a non-empty string')
  // In a path `.` and `..` name another endpoint, percent-encoded or not (RFC 3986 §5.2.4); a lone surrogate has no UTF-8.
  if (tenant === '.' || tenant === '..' || /\p{Surrogate}/u.test(tenant)) {
    throw new TypeError("request.tenant must be neither '.' nor '..', and well-formed")
  }
  if (rules.tenant === 'refused') {
    throw new TypeError('request.tenant has no place in the request: set tenantParam or put {tenant} into the URL')
  }
  return tenant
}

function paramList(params: Readonly<Record<string, string>>, rules: RequestRules): CanonicalRequest['params'] {
  if (typeof params !== 'object' || params === null) throw new TypeError('request.params must be an object')
  const entries = Object.entries(params).map(([name, value]) => {
    if (name === '' || typeof value !== 'string') throw new TypeError('request.params must be strings by name')
    if (rules.reserved.has(name)) throw new TypeError(`request.params.${name} is used by the protocol`)
    return Object.freeze([name, value] as const)
  })
  return Object.freeze(entries.sort(([a], [b]) => byCodeUnit(a, b)))
}

function sortedSet(values: readonly string[]): readonly string[] {
  return Object.freeze([...new Set(values)].sort(byCodeUnit))
}

// Not localeCompare: the order must be the same on every host.
function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function charactersOf({ scope = [], audience = [], tenant = '', params }: CanonicalRequest): number {
  let characters = tenant.length
  for (const value of [...scope, ...audience]) characters += value.length
  for (const [name, value] of params) characters += name.length + value.length
  return characters
}
