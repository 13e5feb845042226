import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify'
import type { Clock } from './request-context.js'

/** What is written about a request. Picked, not redacted: a value that is not named here cannot be logged. */
export interface RequestLogEntry {
  readonly request_id: string
  readonly method: string
  /** The pattern of the route, `null` where none matched; never the URL. */
  readonly route: string | null
  readonly status: number
  readonly problem: string | null
  readonly tenant: string | null
  readonly subject: string | null
  readonly decision_id: string | null
  readonly ms: number
  readonly bytes: number
  /** The /24 or /48 of the client. */
  readonly network: string | null
}

/** A fault of this service: which kind and where in the code. Its message may quote a row or a request, so it stays out. */
export interface FailureLogEntry {
  readonly request_id: string
  readonly failure: string
  readonly at: readonly string[]
}

type LogEvent = RequestLogEntry | FailureLogEntry | string

/** pino through Fastify, one JSON line an entry. What the framework itself would log is cut down to a name and a code. */
export function loggerOptions(
  write: ((line: string) => void) | undefined,
  clock: Clock,
): NonNullable<FastifyServerOptions['logger']> {
  if (write === undefined) return false
  return {
    level: 'info',
    base: null,
    timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
    stream: { write },
    hooks: {
      logMethod(args, method) {
        const [entry]: unknown[] = args
        if (isEvent(entry)) method.apply(this, [entry.event] as never)
        else if (errorIn(entry) !== undefined) method.apply(this, [{ framework: failureName(errorIn(entry)) }] as never)
      },
    },
  }
}

export function requestEntry(request: FastifyRequest, reply: FastifyReply): RequestLogEntry {
  const { address, principal, decisionId, problem } = request.guard
  return {
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    problem,
    tenant: principal?.tenantId ?? null,
    subject: principal?.id ?? null,
    decision_id: decisionId,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    bytes: Number(reply.getHeader('content-length') ?? 0),
    network: address?.network ?? null,
  }
}

export function failureEntry(error: unknown, requestId: string): FailureLogEntry {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  return { request_id: requestId, failure: failureName(error), at: frames.slice(0, 6).map((line) => line.trim()) }
}

function isEvent(value: unknown): value is { readonly event: LogEvent } {
  return typeof value === 'object' && value !== null && 'event' in value
}

/** The code or the name of an error, never its message. */
export function failureName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

function errorIn(entry: unknown): Error | undefined {
  const error = typeof entry === 'object' && entry !== null && 'err' in entry ? entry.err : entry
  return error instanceof Error ? error : undefined
}
