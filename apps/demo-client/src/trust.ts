import { Agent, fetch as undiciFetch } from 'undici'

/** A connection pool that trusts one certificate authority, or the system's. */
export interface TrustedConnections {
  /** The web's `fetch` for one URL and a body of text, its answers read whole. */
  readonly fetch: typeof fetch
  /** Ends every connection at once, with the requests on it. */
  close(): Promise<void>
}

/** More than the largest answer of the API, which is its OpenAPI document. */
const maxAnswerBytes = 4_194_304

/** Fetch §2.2.3: an answer with one of these has no body, and `Response` refuses to be made with one. */
const withoutBody = new Set([204, 205, 304])

export interface TrustOptions {
  /** The address to connect from. Default: as the system chooses. */
  readonly localAddress?: string
}

/**
 * Connects by TLS 1.2 or newer and checks the certificate and its name.
 *
 * @param ca - PEM. Given, it is the only authority trusted; absent, the system's are.
 */
export function connectTrusting(ca?: string, { localAddress }: TrustOptions = {}): TrustedConnections {
  const agent = new Agent({
    connect: {
      ...(ca === undefined ? {} : { ca }),
      // From an IPv4 address one connects to IPv4 addresses alone, whatever else the name stands for.
      ...(localAddress === undefined ? {} : { family: localAddress.includes(':') ? 6 : 4 }),
      minVersion: 'TLSv1.2',
      timeout: 5_000,
    },
    ...(localAddress === undefined ? {} : { localAddress }),
    headersTimeout: 15_000,
    bodyTimeout: 15_000,
    maxResponseSize: maxAnswerBytes,
  })
  return {
    // undici's own fetch: the one inside Node is of another version in each release and need not speak to this agent.
    fetch: async (input, init = {}) => {
      const answer = await undiciFetch(urlOf(input), { ...requestOf(init), dispatcher: agent })
      const body = await answer.arrayBuffer()
      return new Response(withoutBody.has(answer.status) ? null : body, {
        status: answer.status,
        headers: [...answer.headers],
      })
    },
    close: () => agent.destroy(),
  }
}

function urlOf(input: RequestInfo | URL): string {
  if (typeof input === 'string') return input
  if (input instanceof URL) return input.href
  throw new TypeError('this fetch takes a URL and its options, not a Request')
}

function requestOf({ method = 'GET', headers, body, redirect = 'manual', signal }: RequestInit) {
  if (body !== undefined && body !== null && typeof body !== 'string')
    throw new TypeError('this fetch sends text: nothing else can be sent again after a 401')
  return { method, headers: [...new Headers(headers)], redirect, body: body ?? null, signal: signal ?? null }
}
