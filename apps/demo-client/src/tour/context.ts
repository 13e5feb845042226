import type { TokenCache, TokenHandle } from '@coffer/token-cache'
import { createFinCodeClient, type FinCodeClient } from '../client.js'
import { type Credentials, type PersonName, personVariables } from '../credentials.js'
import { type MovableClock, movableClock } from '../movable-clock.js'
import { personTokens, programTokens } from '../tokens.js'
import { countTraffic, type Traffic } from '../traffic.js'
import type { TrustedConnections } from '../trust.js'
import type { Step } from './run.js'
import type { Planted } from './search-dump.js'
import type { TourServer } from './server.js'

/** One caller: its client, and the tokens behind it. */
export interface Member {
  readonly client: FinCodeClient
  readonly tokens: TokenHandle
}

export interface TourContext {
  readonly baseUrl: string
  /** PEM; `undefined`: the system's authorities. */
  readonly ca: string | undefined
  readonly clock: MovableClock
  readonly traffic: Traffic
  /** Counted, and trusting the server's authority; without any credential. */
  readonly fetch: typeof fetch
  /** `null` when the server is elsewhere: its database and clock are out of reach. */
  readonly server: TourServer | null
  /** Without any credential. */
  readonly anonymous: FinCodeClient
  readonly credentials: Credentials
  /** A client with a token given as text, good or not. */
  withToken(token: string): FinCodeClient
  /** Notes a value that must not be readable in the database, and hands it back. */
  plant(kind: string, value: string): string
  readonly planted: readonly Planted[]
  has(name: MemberName): boolean
  /** @throws {Error} when its credentials are missing: ask {@link has} first. */
  member(name: MemberName): Member
  close(): Promise<void>
}

/** `integrator`: the API token. `self`: the API token, or else the person of FINCODE_EMAIL. */
export type MemberName = PersonName | 'integrator' | 'self'

export type TourStep = Step<TourContext>

export interface TourContextOptions {
  readonly baseUrl: string
  readonly ca: string | undefined
  readonly connections: TrustedConnections
  readonly credentials: Credentials
  readonly server: TourServer | null
}

export function createTourContext(options: TourContextOptions): TourContext {
  const { baseUrl, ca, connections, credentials, server } = options
  const clock = movableClock()
  const { fetch, traffic } = countTraffic(connections.fetch)
  const planted: Planted[] = []
  const caches = new Map<MemberName, TokenCache>()
  const members = new Map<MemberName, Member>()

  const { apiToken, person, people } = credentials

  const cacheFor = (name: MemberName): TokenCache => {
    const common = { issuer: baseUrl, fetch, clock }
    if (name === 'integrator' && apiToken !== undefined) return programTokens({ ...common, credential: apiToken })
    const credential = name === 'integrator' ? undefined : name === 'self' ? person : people[name]
    if (credential === undefined) throw new Error(`no credentials for ${name}`)
    return personTokens({ ...common, credential })
  }

  return {
    baseUrl,
    ca,
    clock,
    traffic,
    fetch,
    server,
    credentials,
    anonymous: createFinCodeClient({ baseUrl, fetch }),
    withToken: (token) =>
      createFinCodeClient({
        baseUrl,
        fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
      }),
    plant: (kind, value) => {
      planted.push({ kind, value })
      return value
    },
    planted,
    has: (name) => {
      if (name === 'integrator') return apiToken !== undefined
      return name === 'self' ? apiToken !== undefined || person !== undefined : people[name] !== undefined
    },
    member: (asked) => {
      const name = asked === 'self' && apiToken !== undefined ? 'integrator' : asked
      const known = members.get(name)
      if (known !== undefined) return known
      const cache = cacheFor(name)
      const tokens = cache.for()
      const member = {
        tokens,
        client: createFinCodeClient({ baseUrl, fetch: tokens.fetch({ origins: [baseUrl], fetch }) }),
      }
      caches.set(name, cache)
      members.set(name, member)
      return member
    },
    close: async () => {
      // First the connections: a cache waits for the requests that it has sent.
      await connections.close()
      for (const cache of caches.values()) await cache.close()
    },
  }
}

/** Why a step that needs these cannot run here; the first thing missing, by the name of its variable. */
export function needing(...needs: readonly (MemberName | 'server')[]): (context: TourContext) => string | null {
  return (context) => {
    for (const need of needs) {
      if (need === 'server') {
        if (context.server === null) return "needs the tour's own server: its database or its clock"
      } else if (!context.has(need)) return `needs ${variableOf(need)}`
    }
    return null
  }
}

function variableOf(name: MemberName): string {
  if (name === 'integrator' || name === 'self') return 'FINCODE_API_TOKEN_ID'
  return personVariables(name)[0]
}

/** The tour's own server, in a step that {@link needing} has let through. */
export function ownServer({ server }: TourContext): TourServer {
  if (server === null) throw new Error('this step needs the own server')
  return server
}
