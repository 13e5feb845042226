import type { Static, TObject, TSchema } from 'typebox'
import type { ProblemCode } from './problem.js'
import type { LimitClass } from './rate-limits.js'
import type { PublicContext, RequestContext } from './request-context.js'

export type RouteMethod = 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'

/** `public`: no credential is read. `self`: any principal, and the handler touches that principal's own objects alone. */
export type RoutePermission = 'public' | 'self' | `${string}:${string}`

/** What goes in and what may come out. An answer with a status that is not named here, or a member its schema lacks, is never sent. */
export interface RouteSchema {
  readonly params?: TObject
  readonly querystring?: TObject
  readonly headers?: TObject
  readonly body?: TSchema
  /** Schemas of the answers the handler gives itself. Problems are added for every route. */
  readonly response: Readonly<Record<number, TSchema>>
}

type Part<S extends RouteSchema, K extends keyof RouteSchema> = S[K] extends TSchema ? Static<S[K]> : undefined

/** The validated parts of a request; a part without a schema is `undefined`. */
export interface RouteRequest<S extends RouteSchema> {
  readonly params: Part<S, 'params'>
  readonly query: Part<S, 'querystring'>
  /** Header names in lower case. */
  readonly headers: Part<S, 'headers'>
  readonly body: Part<S, 'body'>
  /** The head as it was received, for the routes that read credentials from it (RFC 6749 §2.3.1). */
  readonly authorization: string | undefined
}

/** One answer of the handler: a status the schema names, its body, and headers if any. */
export type Answer<S extends RouteSchema> = {
  readonly [Status in keyof S['response'] & number]: {
    readonly status: Status
    readonly body: S['response'][Status] extends TSchema ? Static<S['response'][Status]> : never
    readonly headers?: Readonly<Record<string, string>>
  }
}[keyof S['response'] & number]

type ContextOf<P extends RoutePermission> = P extends 'public' ? PublicContext : RequestContext

/** A route and everything that guards it. */
export interface RouteDefinition<S extends RouteSchema = RouteSchema, P extends RoutePermission = RoutePermission> {
  readonly method: RouteMethod
  readonly url: `/${string}`
  /** One sentence for the OpenAPI document. */
  readonly summary: string
  readonly permission: P
  readonly limit: LimitClass
  /** `form` only where RFC 6749 or RFC 7009 asks for it. Default `json`. */
  readonly accepts?: 'form' | 'json'
  /** Media type of the answer where it is a document of its own, handed over as text. Default `application/json`. */
  readonly produces?: string
  /** How a refusal is written: RFC 9457, or RFC 6749 §5.2 on the OAuth endpoints. Default `problem`. */
  readonly errors?: 'oauth' | 'problem'
  /** AuthZEN: every answer, refusals too, carries the `X-Request-ID` of its request. Default `false`. */
  readonly echoesRequestId?: boolean
  readonly schema: S
  /** What the handler refuses with besides what the guards and the schema do: for the OpenAPI document. */
  readonly problems?: readonly ProblemCode[]
  /** Whom the account part of a `login` or `token` limit counts; those two classes require it. */
  readonly account?: (request: RouteRequest<S>) => string
  readonly handler: (request: RouteRequest<S>, context: ContextOf<P>) => Answer<S> | Promise<Answer<S>>
}

/** A definition whose own types are no longer needed: what the registry takes. */
export interface AnyRoute extends Omit<RouteDefinition, 'account' | 'handler'> {
  readonly account?: (request: RouteRequest<RouteSchema>) => string
  readonly handler: (request: RouteRequest<RouteSchema>, context: never) => unknown
}

/**
 * Declares a route. Nothing is registered here: the composition root hands the list to the registry, which refuses to
 * start on a route without permission, limit or response schema.
 */
export function route<const S extends RouteSchema, const P extends RoutePermission>(
  definition: RouteDefinition<S, P>,
): AnyRoute {
  return definition as AnyRoute
}

/** One answer, with its status kept as a literal through closures: `return answer(201, body, { location })`. */
export function answer<const N extends number, B>(
  status: N,
  body: B,
  headers: Readonly<Record<string, string>> = {},
): { readonly status: N; readonly body: B; readonly headers: Readonly<Record<string, string>> } {
  return { status, body, headers }
}
