import { Agent, fetch as undiciFetch } from 'undici'
import type { Answer, Fetch } from './exchange.js'

/** A connection pool that trusts one certificate authority, or the system's. */
export interface TrustedConnections {
  readonly fetch: Fetch
  close(): Promise<void>
}

/** More than the largest answer of the API, which is its OpenAPI document. */
const maxAnswerBytes = 4_194_304

/**
 * Connects by TLS 1.2 or newer and checks the certificate and its name against `ca`.
 *
 * @param ca - PEM. Given, it is the only authority trusted; absent, the system's are.
 */
export function connectTrusting(ca?: string): TrustedConnections {
  const agent = new Agent({
    connect: { ...(ca === undefined ? {} : { ca }), minVersion: 'TLSv1.2', timeout: 5_000 },
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
    maxResponseSize: maxAnswerBytes,
  })
  return {
    fetch: (url, init): Promise<Answer> => undiciFetch(url, { ...init, dispatcher: agent }),
    close: () => agent.close(),
  }
}
