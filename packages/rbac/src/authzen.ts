/**
 * @module A policy decision point of the OpenID AuthZEN Authorization API 1.0, on the standard Request and Response.
 */
import {
  BadRequest,
  type Entity,
  type EvaluationRequest,
  type ParsedRequest,
  readBody,
  readEvaluation,
  readEvaluations,
} from './authzen-request.js'
import type { AnySubject } from './document.js'
import { checkOptions } from './options.js'
import type { AnyPolicy } from './policy.js'

export type { Action, Entity, EvaluationRequest } from './authzen-request.js'

/** How a decision point finds what it decides on. */
export interface PdpOptions {
  /** The subject of an entity, with its roles: they never come from the request. `undefined` is denied. Required. */
  readonly subject: (entity: Entity) => AnySubject | undefined | Promise<AnySubject | undefined>
  /** The row of an entity; default `{ ...properties, id }`. `undefined`, there is no such thing, is denied. */
  readonly resource?: (entity: Entity) => object | undefined | Promise<object | undefined>
  /** The context of a request; default its `context`. The place to bring in `action.properties`. */
  readonly context?: (request: EvaluationRequest) => object
  /** Default `nothing`: an answer is exactly `{ decision }`. */
  readonly disclose?: 'nothing' | 'reason'
  /** Default 262144. */
  readonly maxBodyBytes?: number
  /** Default 100. */
  readonly maxEvaluations?: number
  /** Hears what a resolver threw; the caller of the API does not. */
  readonly onError?: (error: unknown) => void
}

/** A policy decision point. */
export interface Pdp {
  /** Answers a request; authenticate the enforcement point before. Never rejects for any request. */
  handle(request: Request): Promise<Response>
}

interface Answer {
  readonly decision: boolean
  readonly context?: Readonly<Record<string, unknown>>
}

const EVALUATION = '/access/v1/evaluation'
const EVALUATIONS = '/access/v1/evaluations'
const MAX_REQUEST_ID = 256
const OPTIONS: Readonly<Record<keyof PdpOptions, true>> = {
  subject: true,
  resource: true,
  context: true,
  disclose: true,
  maxBodyBytes: true,
  maxEvaluations: true,
  onError: true,
}

/**
 * Makes a decision point of a policy, or of a function that gives the policy of the moment: it is asked once a request,
 * so that a batch is decided by one policy.
 *
 * The permission is `resource.type`, a colon and `action.name`. Does not authenticate the caller.
 *
 * @throws {TypeError} for options without `subject`, with one of another type, or with one that does not exist.
 */
export function createPdp(policy: AnyPolicy | (() => AnyPolicy), options: PdpOptions): Pdp {
  checkOptions('createPdp', options, OPTIONS)
  if (typeof options?.subject !== 'function')
    throw new TypeError('createPdp: the option subject is required: a function that finds a subject and its roles')
  const { subject, resource = ownResource, context = ownContext, disclose = 'nothing' } = options
  const { maxBodyBytes = 262_144, maxEvaluations = 100, onError = () => undefined } = options
  for (const [name, value] of Object.entries({ resource, context, onError }))
    if (typeof value !== 'function') throw new TypeError(`createPdp: ${name} must be a function`)
  if (disclose !== 'nothing' && disclose !== 'reason')
    throw new TypeError("createPdp: disclose must be 'nothing' or 'reason'")
  for (const [name, value] of Object.entries({ maxBodyBytes, maxEvaluations }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`createPdp: ${name} must be a whole number of at least 1`)
  const current = typeof policy === 'function' ? policy : () => policy
  const point = new DecisionPoint(current, {
    subject,
    resource,
    context,
    disclose,
    maxBodyBytes,
    maxEvaluations,
    onError,
  })
  return Object.freeze({ handle: (request: Request) => point.handle(request) })
}

class DecisionPoint {
  readonly #policy: () => AnyPolicy
  readonly #options: Required<PdpOptions>

  constructor(policy: () => AnyPolicy, options: Required<PdpOptions>) {
    this.#policy = policy
    this.#options = options
  }

  async handle(request: Request): Promise<Response> {
    const requestId = request.headers.get('x-request-id')
    const echoed = requestId !== null && requestId.length <= MAX_REQUEST_ID ? { 'x-request-id': requestId } : {}
    try {
      return await this.#answer(request, echoed)
    } catch (error) {
      if (error instanceof BadRequest) return refusal(error.status, error.message, echoed)
      this.#report(error)
      return refusal(500, 'the request could not be decided', echoed)
    }
  }

  async #answer(request: Request, headers: Readonly<Record<string, string>>): Promise<Response> {
    const path = new URL(request.url).pathname
    if (path !== EVALUATION && path !== EVALUATIONS) return refusal(404, 'there is nothing here', headers)
    if (request.method !== 'POST') return refusal(405, 'only POST', { ...headers, allow: 'POST' })
    const body = await readBody(request, this.#options.maxBodyBytes)
    const parsed = path === EVALUATION ? readEvaluation(body) : readEvaluations(body, this.#options.maxEvaluations)
    const evaluate = this.#evaluator()
    if (parsed.single !== null) return reply(200, await evaluate(parsed.single), headers)
    return reply(200, { evaluations: await this.#batch(parsed, evaluate) }, headers)
  }

  async #batch(
    { items, semantic }: ParsedRequest,
    evaluate: (request: EvaluationRequest) => Promise<Answer>,
  ): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    for (const item of items ?? []) {
      const answer = item instanceof BadRequest ? failure(400, item.message) : await this.#guarded(item, evaluate)
      answers.push(answer)
      if (semantic === 'deny_on_first_deny' && !answer.decision) break
      if (semantic === 'permit_on_first_permit' && answer.decision) break
    }
    return answers
  }

  async #guarded(item: EvaluationRequest, evaluate: (request: EvaluationRequest) => Promise<Answer>): Promise<Answer> {
    try {
      return await evaluate(item)
    } catch (error) {
      this.#report(error)
      return failure(500, 'the evaluation could not be decided')
    }
  }

  /** One policy a request, and one look-up of a subject that a batch names once for all its items. */
  #evaluator(): (request: EvaluationRequest) => Promise<Answer> {
    const { subject, resource, context, disclose } = this.#options
    const policy = this.#policy()
    const found = new Map<string, AnySubject | undefined>()
    return async (request) => {
      const key = JSON.stringify(request.subject)
      if (!found.has(key)) found.set(key, await subject(request.subject))
      const who = found.get(key)
      if (!isFound(who)) return { decision: false }
      const row = await resource(request.resource)
      if (!isFound(row)) return { decision: false }
      const permission = `${request.resource.type}:${request.action.name}` as const
      const decision = policy.session(who).decide(permission, row, context(request))
      const answer = { decision: decision.decision === 'permit' }
      return disclose === 'nothing'
        ? answer
        : { ...answer, context: { reason: decision.reason, ruleId: decision.ruleId } }
    }
  }

  /** A listener that throws must not turn into an answer. */
  #report(error: unknown): void {
    try {
      this.#options.onError(error)
    } catch {
      // There is nobody left to tell.
    }
  }
}

/** Databases answer `null` for what is not there, and their types do not always say so. */
function isFound<T extends object>(found: T | undefined): found is T {
  return typeof found === 'object' && found !== null
}

function ownResource(entity: Entity): object {
  return { ...entity.properties, id: entity.id }
}

function ownContext(request: EvaluationRequest): object {
  return request.context ?? {}
}

function failure(status: number, message: string): Answer {
  return { decision: false, context: { error: { status, message } } }
}

function refusal(status: number, message: string, headers: Readonly<Record<string, string>>): Response {
  return reply(status, { error: { status, message } }, headers)
}

function reply(status: number, body: object, headers: Readonly<Record<string, string>>): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  })
}
