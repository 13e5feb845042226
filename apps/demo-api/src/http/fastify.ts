import type { RequestListener, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, LogController } from 'fastify'
import { problemDocument, sendProblem, toProblem } from './error-response.js'
import { emptyState, type Guards } from './guards.js'
import { newId } from './identifier.js'
import { installOverload } from './overload.js'
import { Problem } from './problem.js'
import type { Clock } from './request-context.js'
import { failureEntry, loggerOptions, requestEntry } from './request-log.js'
import type { AnyRoute } from './route.js'
import { helmetOptions, securityHeaders } from './security-headers.js'
import { parseStrictJson } from './strict-json.js'

export type Instance = FastifyInstance<Server>

export interface InstanceOptions {
  readonly publicUrl: string
  readonly clock: Clock
  readonly log: ((line: string) => void) | undefined
  /** Makes the listener that hands its requests to Fastify. */
  readonly listener: (handler: RequestListener) => Server
  /** A handler that is not done by then is answered for with `overloaded`. */
  readonly handlerTimeoutMs: number
  /** An event loop that is later than this refuses what is new. */
  readonly maxEventLoopDelayMs: number
}

const bodyLimitBytes = 64 * 1024

/** Fastify with everything off that would guess: no coercion, no defaults, no removed members, no media type but one. */
export async function createInstance(options: InstanceOptions): Promise<Instance> {
  const { publicUrl, clock, log, listener, handlerTimeoutMs, maxEventLoopDelayMs } = options
  const answering = new WeakMap<object, ServerResponse>()
  const instance = fastify<Server>({
    serverFactory: (handler) =>
      listener((request, response) => {
        answering.set(request.socket, response)
        handler(request, response)
      }),
    logger: loggerOptions(log, clock),
    logController: new LogController({ disableRequestLogging: true }),
    // An entry has its request ID; a logger for each request would write it twice.
    childLoggerFactory: (logger) => logger,
    genReqId: () => newId('req', clock.now()),
    requestIdHeader: false,
    trustProxy: false,
    bodyLimit: bodyLimitBytes,
    handlerTimeout: handlerTimeoutMs,
    exposeHeadRoutes: false,
    // The guards answer for a process that is stopping, in the form of every other answer.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: 64,
      caseSensitive: true,
      ignoreTrailingSlash: false,
      ignoreDuplicateSlashes: false,
    },
    ajv: {
      customOptions: {
        strict: true,
        strictTypes: true,
        // OAuth ignores parameters it does not know (RFC 6749 §3.2), so a form has a pattern beside its names.
        allowMatchingProperties: true,
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: false,
      },
    },
    // A target that cannot be decoded reaches no hook, so its answer brings its own headers.
    frameworkErrors: (error, request, reply) => {
      reply.headers(securityHeaders).header('request-id', request.id)
      sendProblem(request, reply, toProblem(error), publicUrl)
    },
    clientErrorHandler: (error, socket) => {
      const response = answering.get(socket)
      // In the middle of an answer a second one would be read as its body.
      if (!socket.writable || (response?.headersSent === true && !response.writableEnded)) {
        socket.destroy()
        return
      }
      socket.end(rawAnswer(rawProblem(error.code), publicUrl, newId('req', clock.now())))
    },
  })

  instance.decorateRequest('guard')
  instance.addHook('onRequest', (request, reply, done) => {
    request.guard = emptyState()
    reply.header('request-id', request.id)
    done()
  })
  await instance.register(helmet, helmetOptions)
  await installOverload(instance, maxEventLoopDelayMs)

  instance.removeAllContentTypeParsers()
  instance.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(typeof body === 'string' ? Buffer.from(body) : body))
    } catch (error) {
      done(error instanceof Error ? error : new Problem('malformed-request'))
    }
  })
  await instance.register(formbody, { bodyLimit: bodyLimitBytes })

  instance.setErrorHandler((error, request, reply) => {
    const schema = request.routeOptions.schema
    const found = toProblem(error, (part) => schema?.[part as keyof typeof schema])
    const problem = isSlowBody(error, request) ? new Problem('request-timeout') : found
    request.guard.problem = problem.code
    if (problem.code === 'internal') request.log.error({ event: failureEntry(error, request.id) })
    if (problem.code === 'request-timeout') reply.header('connection', 'close')
    sendProblem(request, reply, problem, publicUrl)
  })
  instance.addHook('preParsing', (request, _reply, _payload, done) => {
    request.guard.awaitsBody = true
    done()
  })
  instance.setNotFoundHandler((request, reply) => {
    request.guard.problem = 'not-found'
    sendProblem(request, reply, new Problem('not-found'), publicUrl)
  })
  instance.addHook('onResponse', (request, reply, done) => {
    request.log.info({ event: requestEntry(request, reply) })
    done()
  })
  return instance
}

/** The clock of the handler also runs while a body trickles in. Before the body is asked for, the time was this service's. */
function isSlowBody(error: unknown, request: FastifyRequest): boolean {
  const isTimeout = error instanceof Error && 'code' in error && error.code === 'FST_ERR_HANDLER_TIMEOUT'
  return isTimeout && request.guard.awaitsBody && !request.raw.complete
}

/** Puts the guards before every route, in the one order there is. Called once, before the routes are registered. */
export function installGuards(instance: Instance, guards: Guards, isStopping: () => boolean): void {
  instance.addHook('onRequest', async (request, reply) => {
    const { route } = request.routeOptions.config
    if (route?.echoesRequestId === true) echoRequestId(request, reply)
    if (isStopping()) throw new Problem('shutting-down')
    await guards.edge(request)
    if (route === undefined) return
    await guards.route(request, route)
    checkBodyHead(request, reply, route)
  })
}

/** Node has refused what is no header value; what is longer than the schema allows is not carried. */
function echoRequestId(request: FastifyRequest, reply: FastifyReply): void {
  const given = request.headers['x-request-id']
  if (typeof given === 'string' && given.length <= 256) reply.header('x-request-id', given)
}

/** What the head says about the body, before a byte of it is read. */
function checkBodyHead(request: FastifyRequest, reply: FastifyReply, route: AnyRoute): void {
  const { 'content-length': length, 'transfer-encoding': encoding, 'content-type': type } = request.headers
  if (encoding === undefined && (length === undefined || length === '0')) return
  if (route.schema.body === undefined)
    throw new Problem('validation-failed', { errors: [{ pointer: '/body', rule: 'unexpected' }] })
  if ((request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    // RFC 9110 §12.5.3: says what would have been taken.
    reply.header('accept-encoding', 'identity')
    throw new Problem('media-type-unsupported')
  }
  const [mediaType = '', ...parameters] = (type ?? '').split(';').map((text) => text.trim().toLowerCase())
  const accepted = route.accepts === 'form' ? 'application/x-www-form-urlencoded' : 'application/json'
  const inUtf8 = parameters.every((parameter) => parameter === 'charset=utf-8' || parameter === 'charset="utf-8"')
  if (mediaType !== accepted || !inUtf8) throw new Problem('media-type-unsupported')
}

function rawProblem(code: string): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Problem('request-timeout')
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers-too-large')
  return new Problem('malformed-request')
}

/** An answer for a request that never became one: written to the socket, which then closes. */
function rawAnswer(problem: Problem, publicUrl: string, requestId: string): string {
  const body = JSON.stringify(problemDocument(problem, publicUrl, requestId))
  const headers = {
    ...securityHeaders,
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
    'content-length': String(Buffer.byteLength(body)),
    'request-id': requestId,
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  return `HTTP/1.1 ${problem.status} ${rawReasons[problem.status] ?? 'Error'}\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}

const rawReasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}
