import type { FastifyReply, FastifyRequest } from 'fastify'
import { problemOfPackageError } from './package-errors.js'
import { type InputFault, Problem, type ProblemCode, type ProblemDetails } from './problem.js'
import { problemText } from './problem-text.js'

/** Fastify's own refusals. What is not named here is a fault of this service. */
const frameworkProblems: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_ASYNC_CONSTRAINT: 'malformed-request',
  FST_ERR_BAD_URL: 'malformed-request',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-request',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-request',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-request',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unsupported',
  FST_ERR_HANDLER_TIMEOUT: 'overloaded',
  // No ID is that long, so it was never issued.
  FST_ERR_MAX_PARAM_LENGTH: 'not-found',
}

/** Whatever was thrown, as the problem that is told. Nothing of an unknown error is: not its message, not its name. */
export function toProblem(error: unknown, schemaOf: (part: string) => unknown = () => undefined): Problem {
  if (error instanceof Problem) return error
  if (!(error instanceof Error)) return new Problem('internal')
  if ('validation' in error && Array.isArray(error.validation)) {
    const part = 'validationContext' in error ? String(error.validationContext) : 'body'
    return new Problem('validation-failed', {
      errors: error.validation.map((fault) => inputFault(part, fault, schemaOf(part))),
    })
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = frameworkProblems[code] ?? problemOfPackageError(code)
  if (known === undefined) return new Problem('internal')
  const retryAfterMs =
    'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : undefined
  return new Problem(known, retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) })
}

/** The place and the rule. A member name that the schema does not know is the client's text, so it is written `*`. */
function inputFault(part: string, fault: unknown, schema: unknown): InputFault {
  const path = member(fault, 'instancePath')
  const rule = member(fault, 'keyword')
  let at = schema
  let pointer = `/${part === 'querystring' ? 'query' : part}`
  for (const segment of typeof path === 'string' ? path.split('/').slice(1) : []) {
    const properties = member(at, 'properties')
    const known = member(properties, segment)
    const items = member(at, 'items')
    at = known ?? items
    pointer += `/${known !== undefined || (items !== undefined && /^\d+$/.test(segment)) ? segment : '*'}`
  }
  // The name of a missing member is the schema's; that of an unknown one is the client's, and is not told.
  const missing = rule === 'required' ? member(member(fault, 'params'), 'missingProperty') : undefined
  if (typeof missing === 'string') pointer += `/${missing.replaceAll('~', '~0').replaceAll('/', '~1')}`
  return { pointer, rule: typeof rule === 'string' ? rule : 'schema' }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined
}

/** The document of RFC 9457. `instance` is the request ID: what a client quotes and what the log can be searched for. */
export function problemDocument(problem: Problem, publicUrl: string, requestId: string): object {
  const { code, details } = problem
  return {
    type: `${publicUrl}/problems/${code}`,
    title: problemText[code].title,
    status: problem.status,
    instance: requestId,
    ...(details.errors === undefined ? {} : { errors: details.errors }),
    ...(details.decisionId === undefined ? {} : { decision_id: details.decisionId }),
    ...(details.index === undefined ? {} : { index: details.index }),
    ...(details.oauthError === undefined ? {} : { error: details.oauthError }),
  }
}

const oauthErrors: Partial<Readonly<Record<ProblemCode, string>>> = {
  'credentials-invalid': 'invalid_grant',
  internal: 'server_error',
  overloaded: 'temporarily_unavailable',
  'rate-limited': 'temporarily_unavailable',
  'shutting-down': 'temporarily_unavailable',
  'state-stale': 'temporarily_unavailable',
  'database-unavailable': 'temporarily_unavailable',
}

/** The form of RFC 6749 §5.2, whose `error_uri` is the same page. */
function oauthDocument(problem: Problem, publicUrl: string): object {
  return {
    error: problem.details.oauthError ?? oauthErrors[problem.code] ?? 'invalid_request',
    error_description: problemText[problem.code].title,
    error_uri: `${publicUrl}/problems/${problem.code}`,
  }
}

/** Answers with a problem, in the form the route has named. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem, publicUrl: string): void {
  const oauth = request.routeOptions?.config?.route?.errors === 'oauth'
  // RFC 6749 §5.2: a grant that is refused is 400; 401 is for the client's own authentication.
  const status =
    oauth && problem.code === 'credentials-invalid' && problem.details.oauthError !== 'invalid_client'
      ? 400
      : problem.status
  const headers = headersOf(problem.details, problem.code, status)
  for (const [name, value] of Object.entries(headers)) reply.header(name, value)
  reply
    .code(status)
    .header('cache-control', 'no-store')
    .type(oauth ? 'application/json; charset=utf-8' : 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(oauth ? oauthDocument(problem, publicUrl) : problemDocument(problem, publicUrl, request.id)))
}

const retryLater = new Set<ProblemCode>([
  'audit-unavailable',
  'overloaded',
  'shutting-down',
  'state-stale',
  'database-unavailable',
  'rate-limited',
])

/** RFC 9110 §15.5.2: an answer 401 has a challenge, also where the credentials came in the body. */
const defaultChallenge = 'Bearer realm="fincode"'

function headersOf(details: ProblemDetails, code: ProblemCode, status: number): Readonly<Record<string, string>> {
  const challenge = details.challenge ?? (status === 401 ? defaultChallenge : undefined)
  return {
    ...(challenge === undefined ? {} : { 'www-authenticate': challenge }),
    ...(details.retryAfterSeconds !== undefined || retryLater.has(code)
      ? { 'retry-after': String(details.retryAfterSeconds ?? 5) }
      : {}),
    ...(code === 'shutting-down' ? { connection: 'close' } : {}),
  }
}
