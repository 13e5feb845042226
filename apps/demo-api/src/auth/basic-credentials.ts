import type { ApiTokenCredentials } from './login.js'

/**
 * Client credentials in HTTP Basic (RFC 6749 §2.3.1): both parts are form-encoded, then joined by a colon and written in
 * base64.
 *
 * @returns `null` when the header is absent, of another scheme, or malformed.
 */
export function readBasicCredentials(authorization: string | undefined): ApiTokenCredentials | null {
  const match = /^basic ([A-Za-z0-9+/]{1,1024}={0,2})$/i.exec(authorization ?? '')
  if (match?.[1] === undefined) return null
  const text = Buffer.from(match[1], 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) return null
  const tokenId = formDecode(text.slice(0, colon))
  const apiToken = formDecode(text.slice(colon + 1))
  return tokenId === null || apiToken === null ? null : { tokenId, apiToken }
}

function formDecode(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
