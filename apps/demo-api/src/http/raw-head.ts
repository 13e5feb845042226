import type { IncomingMessage } from 'node:http'
import { Problem } from './problem.js'

const maxHeaders = 64
const maxUrlLength = 2048
/** Two lines of one of these are two requests to two parsers (request smuggling), or two identities to two guards. */
const single = new Set([
  'authorization',
  'content-length',
  'content-type',
  'host',
  'idempotency-key',
  'transfer-encoding',
])
/** A URL is written to logs and histories on the way, so a credential in it has been seen. */
const credentialInUrl =
  /[?&](?:access_token|api_key|api_token|client_secret|password|refresh_token|token)=|fc_(?:test|live)_|eyJ[\w-]+\.eyJ/i

/**
 * Judges the head as it came over the wire, before anything acts on what Node or the router made of it.
 *
 * @throws {Problem} `malformed-request`, `headers-too-large`, `url-too-long`, `host-not-served`, `credential-in-url`
 */
export function checkRawHead(request: IncomingMessage, servedHost: string): void {
  const { rawHeaders, url = '', httpVersionMajor } = request
  // llhttp takes a line without a version for HTTP/0.9, which has neither headers nor a length.
  if (httpVersionMajor !== 1) throw new Problem('malformed-request')
  if (rawHeaders.length / 2 > maxHeaders) throw new Problem('headers-too-large')
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    if (!single.has(name)) continue
    if (seen.has(name)) throw new Problem('malformed-request')
    seen.add(name)
  }
  // Absolute form would name a second host; a fragment is never sent (RFC 9112 §3.2).
  if (!url.startsWith('/') || url.includes('#')) throw new Problem('malformed-request')
  if (url.length > maxUrlLength) throw new Problem('url-too-long')
  const host = request.headers.host
  if (host === undefined) throw new Problem('malformed-request')
  if (host.toLowerCase() !== servedHost) throw new Problem('host-not-served')
  if (credentialInUrl.test(url)) throw new Problem('credential-in-url')
}
