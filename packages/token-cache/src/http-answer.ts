import type { Clock } from '@coffer/lease'
import type { UnavailableReason } from './errors.js'
import { type Refusal, refusal } from './exchange.js'

/** Failures before a request can have left: DNS, connect, and the certificate, which is checked before any request byte. */
const neverSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
])

/** What a thrown transport error says: only a known code proves that nothing was sent. Its text is not repeated. */
export function sendFailure(error: unknown, aborted: boolean): Refusal {
  const reason = aborted ? 'timeout' : reasonOf(error, 3)
  return refusal('COFFER_TOKEN_CACHE_ISSUER_UNAVAILABLE', wasNeverSent(error, 3) ? 'kept' : 'unknown', 'nothing', {
    reason,
  })
}

const reasons: readonly (readonly [UnavailableReason, RegExp])[] = [
  ['connect', /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/],
  ['dns', /^(ENOTFOUND|EAI_[A-Z]+)$/],
  ['timeout', /^(ETIMEDOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT)$/],
  ['reset', /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/],
  // The codes of OpenSSL's verification and of the TLS layer itself; there are some sixty.
  [
    'tls',
    /^(EPROTO|HOSTNAME_MISMATCH|(ERR_TLS|ERR_SSL|CERT|CRL|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|INVALID_CA|ERROR_IN_C)(_.*)?)$/,
  ],
]

/** The kind of a transport error, by its code alone. Of several addresses the first decides. */
function reasonOf(error: unknown, depth: number): UnavailableReason {
  if (typeof error !== 'object' || error === null || depth === 0) return 'unknown'
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0)
    return reasonOf(error.errors[0], depth - 1)
  if ('code' in error && typeof error.code === 'string') {
    const { code } = error
    return reasons.find(([, codes]) => codes.test(code))?.[0] ?? 'unknown'
  }
  return 'cause' in error ? reasonOf(error.cause, depth - 1) : 'unknown'
}

function wasNeverSent(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false
  // Several addresses tried: nothing was sent only if that holds of every one.
  if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) {
    return error.errors.every((one) => wasNeverSent(one, depth - 1))
  }
  if ('code' in error && typeof error.code === 'string') return neverSent.has(error.code)
  return 'cause' in error && wasNeverSent(error.cause, depth - 1)
}

/** The body as text, or undefined when it is over the limit, not UTF-8 or breaks off. Reading stops at the limit. */
export async function readBody(response: Response, maxBytes: number, signal: AbortSignal): Promise<string | undefined> {
  const announced = Number(response.headers.get('content-length') ?? 0)
  if (response.body === null) return ''
  if (announced > maxBytes) {
    await response.body.cancel()
    return undefined
  }
  const reader = response.body.getReader()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  let bytes = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (signal.aborted) throw signal.reason
      if (done) return text + decoder.decode()
      bytes += value.byteLength
      if (bytes > maxBytes) {
        await reader.cancel()
        return undefined
      }
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    return undefined
  }
}

/** Retry-After in seconds or as a date (RFC 9110 §10.2.3), in milliseconds from now. */
export function retryAfterOf(headers: Headers, clock: Clock): number | undefined {
  const value = headers.get('retry-after')?.trim()
  if (value === undefined || value === '') return undefined
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1_000
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, at - clock.now())
}
