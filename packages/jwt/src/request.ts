import { JwtError } from './errors.js'

/** A request by its headers: a Fetch `Request`, Node's `IncomingMessage`, a Fastify or Express request. */
export interface RequestLike {
  /** Names and values in turn, as Node gives them: shows a second header line that `headers` hides. */
  readonly rawHeaders?: readonly string[]
  /** The request of Node that a Fastify request wraps: asked for its `rawHeaders`. */
  readonly raw?: unknown
  readonly headers:
    | { get(name: string): string | null }
    | Readonly<Record<string, string | readonly string[] | undefined>>
}

/** `Bearer`, one space, b64token (RFC 6750 §2.1). */
const bearer = /^bearer ([A-Za-z0-9\-._~+/]+=*)$/i

/**
 * The Bearer token of a request, from its one `Authorization` line. Query and body are never read (RFC 6750 §2.2, §2.3).
 */
export function bearerToken(request: RequestLike): string {
  const line = authorizationLine(request)
  if (line === undefined) throw new JwtError('COFFER_JWT_TOKEN_MISSING')
  const token = bearer.exec(line)?.[1]
  if (token !== undefined) return token
  // A comma joins two lines, or a list; another scheme alone is no Bearer credentials.
  const isOtherScheme = !/^bearer(?:[^!#$%&'*+\-.^_`|~0-9A-Za-z]|$)/i.test(line) && !line.includes(',')
  throw new JwtError(isOtherScheme ? 'COFFER_JWT_TOKEN_MISSING' : 'COFFER_JWT_REQUEST_INVALID')
}

function authorizationLine(request: RequestLike): string | undefined {
  if (typeof request?.headers !== 'object' || request.headers === null) {
    throw new TypeError('check takes a request: an object with headers; a token alone is for verify')
  }
  const { rawHeaders, raw, headers } = request
  const wrapped: unknown = typeof raw === 'object' && raw !== null ? Reflect.get(raw, 'rawHeaders') : undefined
  for (const lines of [rawHeaders, wrapped]) {
    if (Array.isArray(lines) && countLines(lines) > 1) throw new JwtError('COFFER_JWT_REQUEST_INVALID')
  }
  if (hasGet(headers)) return headers.get('authorization') ?? undefined
  const lines: string[] = []
  for (const name of Object.keys(headers)) {
    if (name.toLowerCase() !== 'authorization') continue
    const value = headers[name]
    if (typeof value === 'string') lines.push(value)
    else if (value !== undefined) lines.push(...value)
  }
  if (lines.length > 1) throw new JwtError('COFFER_JWT_REQUEST_INVALID')
  return lines[0]
}

function countLines(rawHeaders: readonly unknown[]): number {
  let lines = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (typeof name === 'string' && name.toLowerCase() === 'authorization') lines++
  }
  return lines
}

function hasGet(headers: RequestLike['headers']): headers is { get(name: string): string | null } {
  return typeof headers['get' as keyof typeof headers] === 'function'
}
