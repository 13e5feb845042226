/** One refused member of the input, as the API names it. */
export interface InputFault {
  readonly pointer: string
  readonly rule: string
}

/** What a refusal says besides its code and status. */
export interface ProblemFacts {
  readonly decisionId?: string | undefined
  readonly errors?: readonly InputFault[] | undefined
  readonly oauthError?: string | undefined
  /** How long to wait, where the answer says so. */
  readonly retryAfterSeconds?: number | undefined
}

/**
 * Thrown for every answer that is not the one asked for: a problem document (RFC 9457), an OAuth error (RFC 6749 §5.2),
 * or an answer that cannot be read (`unreadable-answer`). Branch on {@link code}. Holds nothing of what was sent.
 */
export class FinCodeProblem extends Error {
  override readonly name: string = 'FinCodeProblem'
  /** The last segment of the problem's `type`. */
  readonly code: string
  /** The `Request-Id` that support asks for; `null` when the answer had none. */
  readonly requestId: string | null
  readonly status: number
  readonly facts: ProblemFacts
  constructor(code: string, status: number, requestId: string | null, facts: ProblemFacts = {}) {
    super(`${status} ${code}`)
    this.code = code
    this.status = status
    this.requestId = requestId
    this.facts = facts
  }
}

/** A refusal as it came. */
export interface Refusal {
  readonly status: number
  readonly requestId: string | null
  /** The header, in seconds (RFC 9110 §10.2.3). */
  readonly retryAfter: string | null
  /** What the body holds if it is JSON. */
  readonly body: unknown
}

/** Reads a refusal. Whatever its body holds, this answers with a problem: a gateway's HTML page has a status too. */
export function problemOf({ status, requestId, retryAfter, body }: Refusal): FinCodeProblem {
  const { type, error_uri, instance, decision_id, errors, error } = isMembers(body) ? body : {}
  const code = codeOf(type) ?? codeOf(error_uri)
  if (code === undefined) return new FinCodeProblem('unreadable-answer', status, requestId)
  return new FinCodeProblem(code, status, requestId ?? textOf(instance) ?? null, {
    decisionId: textOf(decision_id),
    errors: faultsOf(errors),
    oauthError: textOf(error),
    retryAfterSeconds: /^\d{1,9}$/.test(retryAfter ?? '') ? Number(retryAfter) : undefined,
  })
}

function codeOf(uri: unknown): string | undefined {
  const text = textOf(uri)
  return text === undefined ? undefined : /\/problems\/([a-z0-9]+(?:-[a-z0-9]+)*)$/.exec(text)?.[1]
}

function faultsOf(value: unknown): readonly InputFault[] | undefined {
  if (!Array.isArray(value)) return undefined
  return value.flatMap((item: unknown) => {
    if (!isMembers(item)) return []
    const { pointer: where, rule: broken } = item
    const pointer = textOf(where)
    const rule = textOf(broken)
    return pointer === undefined || rule === undefined ? [] : [{ pointer, rule }]
  })
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= 256 ? value : undefined
}
