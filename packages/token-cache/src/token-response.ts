import { type Exchange, refusal } from './exchange.js'

/** A token response (RFC 6749 §5.1), as a {@link customGrant} returns one. */
export interface TokenResponse {
  readonly access_token: string
  readonly token_type?: string
  readonly expires_in?: number | string
  readonly scope?: string
  readonly refresh_token?: string
}

/** How the fields of a response are read. */
export interface ResponseRules {
  /** `'json'` logins are outside RFC 6749: a missing `token_type` is read as Bearer. */
  readonly body: 'form' | 'json'
  readonly defaultTtlMs: number
  readonly readJwtExpiry: boolean
}

/** The parts of an HTTP response that decide. */
export interface HttpAnswer {
  readonly status: number
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown
  readonly retryAfterMs: number | undefined
  /** The request carried no client secret, so that a 401 is about the credential in it. */
  readonly publicJson: boolean
}

const unavailable = 'COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE'
const rejected = 'COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'
const refused = 'COFFER_TOKEN_CACHE_REQUEST_REFUSED'
const invalid = 'COFFER_TOKEN_CACHE_RESPONSE_INVALID'

/** Statuses that say the request was not processed (RFC 9110 §15.5.9, §15.5.20; RFC 8470; RFC 6585 §4; §15.6.4). */
const notProcessed: ReadonlySet<number> = new Set([408, 421, 425, 429, 503])

/** Reads an answer: an error by name first, whatever the status; then the status; then the token. */
export function readAnswer(answer: HttpAnswer, rules: ResponseRules): Exchange {
  const { status, json, retryAfterMs } = answer
  const fields = isFields(json) ? json : undefined
  const error = fields?.['error']
  if (typeof error === 'string' && error !== '') {
    const known = byErrorName(error, retryAfterMs)
    if (known !== undefined) return known
    if (status < 400) return refusal(refused, 'unknown', 'grant')
  }
  if (status >= 200 && status < 300)
    return fields === undefined ? refusal(invalid, 'unknown', 'nothing') : readToken(fields, rules)
  if (notProcessed.has(status)) return refusal(unavailable, 'kept', 'nothing', { retryAfterMs, reason: 'status' })
  if (status === 401) return refusal(rejected, 'kept', answer.publicJson ? 'grant' : 'chain')
  if (status >= 400 && status < 500) return refusal(refused, 'kept', 'grant')
  return refusal(status >= 500 ? unavailable : invalid, 'unknown', 'nothing', { retryAfterMs, reason: 'status' })
}

function byErrorName(oauthError: string, retryAfterMs: number | undefined): Exchange | undefined {
  switch (oauthError) {
    case 'invalid_grant':
      return refusal(rejected, 'dead', 'grant', { oauthError })
    case 'invalid_client':
    case 'unauthorized_client':
      return refusal(rejected, 'kept', 'chain', { oauthError })
    case 'invalid_request':
    case 'invalid_scope':
      return refusal(refused, 'kept', 'chain', { oauthError })
    case 'unsupported_grant_type':
      return refusal(refused, 'kept', 'grant', { oauthError })
    case 'temporarily_unavailable':
    case 'slow_down':
      return refusal(unavailable, 'kept', 'nothing', { oauthError, retryAfterMs, reason: 'status' })
    case 'server_error':
      return refusal(unavailable, 'unknown', 'nothing', { oauthError, retryAfterMs, reason: 'status' })
    default:
      return undefined
  }
}

/** Reads the members of a successful response (RFC 6749 §5.1). */
export function readToken(fields: Readonly<Record<string, unknown>>, rules: ResponseRules): Exchange {
  const text = fields['access_token']
  const refreshToken = successorOf(fields['refresh_token'])
  if (!isTokenText(text) || !isBearer(fields['token_type'], rules)) {
    // A successor beside an unusable access token is the only one there will be.
    const successor = refreshToken ?? undefined
    return refusal(invalid, successor === undefined ? 'unknown' : 'kept', 'nothing', { refreshToken: successor })
  }
  const ttlMs = ttlOf(fields['expires_in'], rules.defaultTtlMs)
  const byJwt = rules.readJwtExpiry ? jwtLifeMs(text) : undefined
  return {
    kind: 'granted',
    token: {
      text,
      ttlMs: byJwt === undefined ? ttlMs : Math.min(ttlMs, byJwt),
      scope: scopeOf(fields['scope']),
      refreshToken,
    },
  }
}

/** Whether a value is a JSON object. */
export function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// %x21-7E: neither a space, a line end nor a byte above ASCII can reach the Authorization header.
function isTokenText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 16_384 && /^[\x21-\x7E]+$/.test(value)
}

/** RFC 6749 §A.17: a refresh token may contain spaces. One that cannot be sent has still taken the old one's place. */
function successorOf(value: unknown): string | undefined | null {
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string' && value.length <= 16_384 && /^[\x20-\x7E]+$/.test(value) ? value : null
}

function isBearer(value: unknown, { body }: ResponseRules): boolean {
  if (value === undefined || value === null) return body === 'json'
  return typeof value === 'string' && value.toLowerCase() === 'bearer'
}

function scopeOf(value: unknown): readonly string[] | undefined {
  if (typeof value !== 'string') return undefined
  return Object.freeze([...new Set(value.split(' ').filter((token) => token !== ''))].sort())
}

/** A number or decimal digits of seconds; anything else is as if it were absent. Zero and less are stale on arrival. */
function ttlOf(value: unknown, defaultTtlMs: number): number {
  const seconds = typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : value
  if (typeof seconds !== 'number' || Number.isNaN(seconds)) return defaultTtlMs
  return Math.trunc(seconds) * 1_000
}

function jwtLifeMs(text: string): number | undefined {
  const payload = text.split('.')[1]
  if (payload === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    if (!isFields(claims)) return undefined
    const { exp, iat } = claims
    return typeof exp === 'number' && typeof iat === 'number' ? Math.trunc(exp - iat) * 1_000 : undefined
  } catch {
    return undefined
  }
}
