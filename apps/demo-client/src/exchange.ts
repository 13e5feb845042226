import { type Decoder, UnreadableAnswer } from './decode.js'
import { FinCodeProblem, problemOf } from './problem.js'

/** The part of an answer that the client reads; every fetch has it. */
export interface Answer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
}

/** The part of `fetch` that the client uses. It brings the token, if there is one, and decides whom to trust. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly body?: string
    readonly redirect: 'manual'
  },
) => Promise<Answer>

/** One request of an operation. */
export interface Call<T> {
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'
  /** Path and query; what comes from outside is already percent-encoded. */
  readonly path: string
  readonly json?: object
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** Reads the text of a 2xx answer. */
  readonly read: (text: string) => T
}

/**
 * Sends one request and reads its answer.
 *
 * @throws {FinCodeProblem} for every status but 2xx, and `unreadable-answer` for a body of another shape.
 */
export async function exchange<T>(fetch: Fetch, baseUrl: string, call: Call<T>): Promise<T> {
  const answer = await fetch(`${baseUrl}${call.path}`, {
    method: call.method,
    headers: { accept: 'application/json, application/problem+json', ...bodyType(call), ...call.headers },
    ...bodyOf(call),
    // An API does not send its clients elsewhere; a token must not follow.
    redirect: 'manual',
  })
  const requestId = answer.headers.get('request-id')
  const body = await answer.text()
  if (answer.status < 200 || answer.status > 299)
    throw problemOf({
      status: answer.status,
      requestId,
      retryAfter: answer.headers.get('retry-after'),
      body: parse(body),
    })
  try {
    return call.read(body)
  } catch (error) {
    if (error instanceof UnreadableAnswer || error instanceof SyntaxError)
      throw new FinCodeProblem('unreadable-answer', answer.status, requestId, {
        errors: [{ pointer: error instanceof UnreadableAnswer ? error.pointer : '', rule: 'shape' }],
      })
    throw error
  }
}

/** Reads JSON with a decoder. */
export const json =
  <T>(decoder: Decoder<T>) =>
  (body: string): T =>
    decoder(JSON.parse(body), '')

/** For answers without a body, such as 204. */
export const nothing = (): void => undefined

function bodyType({ json, form }: Call<unknown>): Readonly<Record<string, string>> {
  if (json !== undefined) return { 'content-type': 'application/json' }
  return form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
}

function bodyOf({ json, form }: Call<unknown>): { readonly body?: string } {
  if (json !== undefined) return { body: JSON.stringify(json) }
  return form === undefined ? {} : { body: new URLSearchParams(form).toString() }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
