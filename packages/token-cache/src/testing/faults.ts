/** What can go wrong between a client and an issuer. `…-after-commit`: the issuer has done its part. */
export type Fault =
  | 'connection-refused'
  | 'status-429'
  | 'status-500'
  | 'status-503'
  | 'hang'
  | 'hang-after-commit'
  | 'reset-after-commit'
  | 'status-502-after-commit'
  | 'truncated'
  | 'html'
  | 'oversized'
  | 'redirect'
  | 'error-with-200'
  | 'omit-refresh-token'
  | 'unusable-access-token'
  | 'same-access-token'
  | 'bad-expires-in'
  | 'expired-on-arrival'

/** The faulty answer of a stage; undefined: this stage is as it should be. */
export async function faultyResponse(
  fault: Fault | undefined,
  stage: 'before' | 'after',
  signal: AbortSignal | undefined,
  members: Readonly<Record<string, unknown>> = {},
  lastAccess?: string,
): Promise<Response | undefined> {
  if (fault === undefined) return undefined
  return stage === 'before' ? await before(fault, signal) : await after(fault, signal, members, lastAccess)
}

async function before(fault: Fault, signal: AbortSignal | undefined): Promise<Response | undefined> {
  switch (fault) {
    case 'connection-refused':
      throw transportError('ECONNREFUSED')
    case 'hang':
      return await hang(signal)
    case 'status-429':
      return new Response('slow down', { status: 429, headers: { 'retry-after': '120' } })
    case 'status-500':
      return new Response('oops', { status: 500 })
    case 'status-503':
      return new Response('later', { status: 503 })
    default:
      return undefined
  }
}

async function after(
  fault: Fault,
  signal: AbortSignal | undefined,
  members: Readonly<Record<string, unknown>>,
  lastAccess: string | undefined,
): Promise<Response | undefined> {
  switch (fault) {
    case 'reset-after-commit':
      throw transportError('ECONNRESET')
    case 'hang-after-commit':
      return await hang(signal)
    case 'status-502-after-commit':
      return new Response('bad gateway', { status: 502 })
    case 'truncated':
      return new Response(JSON.stringify(members).slice(0, -5))
    case 'html':
      return new Response('<html>welcome to the airport network</html>')
    case 'oversized':
      return new Response(JSON.stringify({ ...members, padding: 'x'.repeat(100_000) }))
    case 'redirect':
      return new Response(null, { status: 302, headers: { location: 'https://elsewhere.example/' } })
    case 'error-with-200':
      return Response.json({ error: 'invalid_grant' })
    case 'omit-refresh-token':
      return Response.json({ ...members, refresh_token: undefined })
    case 'unusable-access-token':
      return Response.json({ ...members, access_token: 'two words' })
    case 'same-access-token':
      return Response.json({ ...members, access_token: lastAccess })
    case 'bad-expires-in':
      return Response.json({ ...members, expires_in: 'soon' })
    case 'expired-on-arrival':
      return Response.json({ ...members, expires_in: 0 })
    default:
      return undefined
  }
}

/** As undici reports it: a TypeError whose cause has the code. */
function transportError(code: string): TypeError {
  return new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
}

function hang(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
