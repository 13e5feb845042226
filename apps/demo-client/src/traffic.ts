/** What went over the wire, in numbers. */
export interface Traffic {
  /** The `Request-Id` of the last answer that had one. */
  readonly lastRequestId: string | null
  /** Logins with a password. */
  readonly logins: number
  /** Requests to the token endpoint: API tokens exchanged, refresh tokens used. */
  readonly tokenRequests: number
  readonly otherRequests: number
}

/** A fetch that counts. Keeps no URL, header or body. */
export function countTraffic(inner: typeof fetch): { readonly fetch: typeof fetch; readonly traffic: Traffic } {
  let lastRequestId: string | null = null
  let logins = 0
  let tokenRequests = 0
  let otherRequests = 0
  return {
    fetch: async (input, init) => {
      const { pathname } = new URL(input instanceof Request ? input.url : input)
      if (pathname === '/v1/auth/login') logins += 1
      else if (pathname === '/v1/oauth/token') tokenRequests += 1
      else otherRequests += 1
      const answer = await inner(input, init)
      lastRequestId = answer.headers.get('request-id') ?? lastRequestId
      return answer
    },
    traffic: {
      get lastRequestId() {
        return lastRequestId
      },
      get logins() {
        return logins
      },
      get tokenRequests() {
        return tokenRequests
      },
      get otherRequests() {
        return otherRequests
      },
    },
  }
}
