import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { Transaction } from '../db/transaction.js'
import type { Openings } from '../encryption/openings.js'
import { type ClientAddress, clientAddress } from './client-address.js'
import { newId } from './identifier.js'
import { problemOfPackageError } from './package-errors.js'
import { Problem, type ProblemCode } from './problem.js'
import type { RateLimiter } from './rate-limiter.js'
import type { LimitTable } from './rate-limits.js'
import { checkRawHead } from './raw-head.js'
import type {
  Clock,
  PolicySession,
  Principal,
  PublicContext,
  RecordedDecision,
  RequestContext,
} from './request-context.js'
import type { AnyRoute } from './route.js'

/** What a verified access token says; the part of `@coffer/jwt`'s `VerifiedToken` that a look-up needs. */
export interface AccessToken {
  readonly subject: string
  readonly clientId: string
  readonly sessionId: string | undefined
  readonly scope: readonly string[]
  readonly claims: object
}

/** `@coffer/jwt`'s verifier, as far as the guards use it. */
export interface TokenVerifier<T extends AccessToken> {
  check(request: { readonly headers: FastifyRequest['headers']; readonly rawHeaders: readonly string[] }): Promise<
    | { readonly ok: true; readonly token: T }
    | {
        readonly ok: false
        readonly error: { readonly code: string }
        readonly challenge: string | null
        readonly retryAfterMs: number | undefined
      }
  >
}

/** Who a token stands for, and what the policy lets them do. */
export interface FoundPrincipal {
  readonly principal: Principal
  readonly session: PolicySession
}

/** What the guards ask of the rest of the API. */
export interface GuardPorts<T extends AccessToken> {
  readonly verifier: TokenVerifier<T>
  /** The principal behind a good token as of now, with its policy session; `null` when it may not act any more. */
  readonly findPrincipal: (token: T) => Promise<FoundPrincipal | null>
  /** The same as of a transaction, in which its rights stay what they are. */
  readonly findPrincipalIn: (tx: Transaction, token: T, changesItself: boolean) => Promise<FoundPrincipal | null>
  /** Whether the tenant's list and the API token's own list admit the address. */
  readonly admitsNetwork: (principal: Principal, address: string) => boolean | Promise<boolean>
  /** Keeps a decision, so that its ID can be explained. */
  readonly recordDecision: (decision: RecordedDecision, principal: Principal, requestId: string) => void
  /** The transactions that handlers get. */
  readonly openings: Openings
  readonly limiter: RateLimiter
  readonly limits: LimitTable
  readonly clock: Clock
  /** `host[:port]` of the public URL, in lower case. */
  readonly servedHost: string
}

/** What the guards have found out about one request. */
export interface RequestState {
  address: ClientAddress | null
  principal: Principal | null
  session: PolicySession | null
  /** Finds both again as of a transaction. */
  findIn: ((tx: Transaction, changesItself: boolean) => Promise<FoundPrincipal | null>) | null
  decisionId: string | null
  problem: ProblemCode | null
  limitKey: string
  /** Whether the guards have let the request through, so that its body is being read. */
  awaitsBody: boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    guard: RequestState
  }
  interface FastifyContextConfig {
    /** The definition behind the matched route; a path without one has no guard to pass and no handler to reach. */
    route?: AnyRoute
  }
}

export function emptyState(): RequestState {
  return {
    address: null,
    principal: null,
    session: null,
    findIn: null,
    decisionId: null,
    problem: null,
    limitKey: '',
    awaitsBody: false,
  }
}

/** The steps between the socket and the body, each of which can only refuse. */
export interface Guards {
  /** Raw head, client address and the `edge` limit: for every request, also where no route matches. */
  readonly edge: (request: FastifyRequest) => Promise<void>
  /** Token, networks, the limit of the class, scope and role: before the body is read. */
  readonly route: (request: FastifyRequest, route: AnyRoute) => Promise<void>
  /**
   * Token, networks, scope and role once more, when the body is there: a body may take seconds to arrive, and what was
   * ended meanwhile must not act.
   */
  readonly afterBody: (request: FastifyRequest, route: AnyRoute) => Promise<void>
  /** The limit of the account that the body names. */
  readonly account: (request: FastifyRequest, account: string, route: AnyRoute) => Promise<void>
  readonly publicContext: (request: FastifyRequest) => PublicContext
  readonly requestContext: (request: FastifyRequest) => RequestContext
}

/** Refusals that hold whatever the row is; the others wait for the row. */
const withoutRow = new Set([
  'no-permit',
  'outside-ceiling',
  'separation-of-duty',
  'session-expired',
  'unknown-permission',
])

export function createGuards<T extends AccessToken>(ports: GuardPorts<T>): Guards {
  const { verifier, findPrincipal, findPrincipalIn, admitsNetwork, recordDecision, openings, limiter } = ports
  const { limits, clock, servedHost } = ports

  async function authenticate(request: FastifyRequest): Promise<Principal> {
    const result = await verifier.check({ headers: request.headers, rawHeaders: request.raw.rawHeaders })
    if (!result.ok) {
      throw new Problem(problemOfPackageError(result.error.code) ?? 'token-invalid', {
        ...(result.challenge === null ? {} : { challenge: result.challenge }),
        ...(result.retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(result.retryAfterMs / 1000) }),
      })
    }
    const { token } = result
    request.guard.findIn = (tx, changesItself) => findPrincipalIn(tx, token, changesItself)
    return become(request, await findPrincipal(token))
  }

  function become(request: FastifyRequest, found: FoundPrincipal | null): Principal {
    if (found === null) throw new Problem('session-revoked', { challenge: 'Bearer realm="api", error="invalid_token"' })
    request.guard.principal = found.principal
    request.guard.session = found.session
    return found.principal
  }

  /** Who acts, and with which rights, as of a transaction that may have waited for others since the guards looked. */
  async function identifyIn(tx: Transaction, request: FastifyRequest, route: AnyRoute): Promise<void> {
    const { findIn } = request.guard
    if (findIn === null) throw new Problem('internal')
    permit(request, route, become(request, await findIn(tx, route.permission === 'self')))
  }

  async function identify(request: FastifyRequest): Promise<Principal> {
    const principal = await authenticate(request)
    if (!(await admitsNetwork(principal, addressOf(request).text))) throw new Problem('network-not-allowed')
    return principal
  }

  function permit(request: FastifyRequest, route: AnyRoute, principal: Principal): void {
    if (route.permission === 'public' || route.permission === 'self') return
    requireScope(principal, route.permission)
    const session = request.guard.session
    if (session === null || withoutRow.has(session.decide(route.permission).reason)) {
      requirePermission(request, route.permission, undefined)
    }
  }

  async function takeLimit(request: FastifyRequest, route: AnyRoute, principal: Principal | null): Promise<void> {
    const network = addressOf(request).limitKey
    if (route.limit === 'login' || route.limit === 'token') {
      return limiter.take(request, `${route.limit}-network:${network}`, limits[route.limit].network)
    }
    if (route.limit === 'edge' || principal === null) return
    const perTenant = route.limit === 'money' || route.limit === 'bulk'
    const key = perTenant ? principal.tenantId : principal.id
    await limiter.take(request, `${route.limit}:${key}`, limits.plans[principal.plan][route.limit])
  }

  function decide(request: FastifyRequest, permission: string, resource: object | undefined): RecordedDecision {
    const [principal, session] = [principalOf(request), sessionOf(request)]
    const { decision, reason, ruleId, policyHash } = session.decide(permission, resource)
    const recorded = { id: newId('dec', clock.now()), decision, reason, ruleId, policyHash, permission, resource }
    recordDecision(recorded, principal, request.id)
    request.guard.decisionId = recorded.id
    return recorded
  }

  function requirePermission(
    request: FastifyRequest,
    permission: string,
    resource: object | undefined,
  ): RecordedDecision {
    const decision = decide(request, permission, resource)
    if (decision.decision !== 'permit') throw new Problem('permission-denied', { decisionId: decision.id })
    return decision
  }

  function publicContext(request: FastifyRequest): PublicContext {
    const address = addressOf(request)
    return { requestId: request.id, clientAddress: address.text, clientNetwork: address.network, clock }
  }

  return {
    edge: async (request) => {
      checkRawHead(request.raw, servedHost)
      const address = clientAddress(request.raw.socket.remoteAddress)
      request.guard.address = address
      await limiter.take(request, `edge:${address.limitKey}`, limits.edge)
    },

    route: async (request, route) => {
      if (route.permission === 'public') return takeLimit(request, route, null)
      const principal = await identify(request)
      await takeLimit(request, route, principal)
      permit(request, route, principal)
    },

    afterBody: async (request, route) => {
      if (route.permission !== 'public') permit(request, route, await identify(request))
    },

    account: async (request, account, route) => {
      if (route.limit !== 'login' && route.limit !== 'token') return
      const limit = route.limit === 'login' ? limits.login.account : limits.token.credential
      // Hashed: the key is of one size, and the counter holds no address of a person.
      const key = createHash('sha256').update(account).digest('base64url')
      await limiter.take(request, `${route.limit}-account:${key}`, limit)
    },

    publicContext,

    requestContext: (request) => {
      const { route } = request.routeOptions.config
      const { tenantId, id: actor } = principalOf(request)
      if (route === undefined) throw new Problem('internal')
      const opening = openings.for({
        tenantId,
        actor,
        requestId: request.id,
        permission: route.permission,
        decisionId: () => request.guard.decisionId,
      })
      return {
        ...publicContext(request),
        get principal() {
          return principalOf(request)
        },
        get session() {
          return sessionOf(request)
        },
        tables: opening.tables,
        tenant: (work, { lock } = {}) =>
          opening.tenant(async (tx) => {
            await lock?.(tx)
            if (changesState(route)) await identifyIn(tx, request, route)
            return work(tx)
          }),
        require: (permission, resource) => requirePermission(request, permission, resource),
        decide: (permission, resource) => decide(request, permission, resource),
      }
    },
  }
}

function addressOf(request: FastifyRequest): ClientAddress {
  if (request.guard.address === null) throw new Problem('internal')
  return request.guard.address
}

function principalOf({ guard }: FastifyRequest): Principal {
  if (guard.principal === null) throw new Problem('internal')
  return guard.principal
}

function sessionOf({ guard }: FastifyRequest): PolicySession {
  if (guard.session === null) throw new Problem('internal')
  return guard.session
}

/** A question that is asked by POST, such as a search, has the limit of reads. */
function changesState({ method, limit }: AnyRoute): boolean {
  return method !== 'GET' && limit !== 'read'
}

/** A login without a scope has all its roles give; an API token has its scopes and nothing without them. */
function requireScope(principal: Principal, permission: string): void {
  if (principal.kind === 'user' && principal.scope.length === 0) return
  if (principal.scope.includes(permission)) return
  throw new Problem('scope-insufficient', {
    challenge: `Bearer realm="api", error="insufficient_scope", scope="${permission}"`,
  })
}
