import { isRbacError } from './errors.js'
import { parseJson } from './json.js'

/** A subject or a resource of AuthZEN's information model. */
export interface Entity {
  readonly type: string
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>>
}

/** What is to be done. */
export interface Action {
  readonly name: string
  readonly properties?: Readonly<Record<string, unknown>>
}

/** One access evaluation request. */
export interface EvaluationRequest {
  readonly subject: Entity
  readonly action: Action
  readonly resource: Entity
  readonly context?: Readonly<Record<string, unknown>>
}

/** How a batch goes on after a decision. */
export type Semantic = 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit'

/** A request that is refused as a whole, or one item of a batch that is. */
export class BadRequest extends Error {
  override readonly name: string = 'BadRequest'
  readonly status: 400 | 413
  constructor(message: string, status: 400 | 413 = 400) {
    super(message)
    this.status = status
  }
}

/** A batch, or one evaluation where `items` is `null`. */
export interface ParsedRequest {
  readonly items: readonly (EvaluationRequest | BadRequest)[] | null
  readonly single: EvaluationRequest | null
  readonly semantic: Semantic
}

const SEMANTICS: readonly Semantic[] = ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit']

/** Reads the body of a request, counting its bytes on the way; nothing is parsed before its size is known. */
export async function readBody(request: Request, maxBytes: number): Promise<unknown> {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new BadRequest('the media type has to be application/json')
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw new BadRequest('the body is too large', 413)
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body?.getReader()
  for (let read = await reader?.read(); read !== undefined && !read.done; read = await reader?.read()) {
    size += read.value.byteLength
    if (size > maxBytes) {
      await reader?.cancel()
      throw new BadRequest('the body is too large', 413)
    }
    chunks.push(read.value)
  }
  return parseBody(chunks, size)
}

function parseBody(chunks: readonly Uint8Array[], size: number): unknown {
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.byteLength
  }
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    // A refusal of the reader or of the decoder; neither says more to a caller than that the body is wrong.
    if (isRbacError(error) || error instanceof TypeError)
      throw new BadRequest('the body is not JSON, or has a key twice')
    throw error
  }
}

/** Reads `/evaluation`. Unknown fields are ignored. */
export function readEvaluation(body: unknown): ParsedRequest {
  return { items: null, single: evaluation(record(body, 'the body')), semantic: 'execute_all' }
}

/** Reads `/evaluations`: defaults are replaced whole, never merged; without items it is one evaluation. */
export function readEvaluations(body: unknown, maxEvaluations: number): ParsedRequest {
  const root = record(body, 'the body')
  const list = root['evaluations']
  if (list === undefined || (Array.isArray(list) && list.length === 0)) return readEvaluation(body)
  if (!Array.isArray(list)) throw new BadRequest('evaluations has to be a list')
  if (list.length > maxEvaluations) throw new BadRequest(`at most ${maxEvaluations} evaluations`)
  const options = root['options'] === undefined ? {} : record(root['options'], 'options')
  const { evaluations_semantic: named = 'execute_all' } = options
  const semantic = SEMANTICS.find((known) => known === named)
  if (semantic === undefined) throw new BadRequest(`evaluations_semantic has to be one of ${SEMANTICS.join(', ')}`)
  const { subject, action, resource, context } = root
  const defaults = { subject, action, resource, context }
  return { items: list.map((item: unknown) => itemOf(item, defaults)), single: null, semantic }
}

function itemOf(item: unknown, defaults: Readonly<Record<string, unknown>>): EvaluationRequest | BadRequest {
  try {
    return evaluation({ ...defaults, ...record(item, 'an evaluation') })
  } catch (error) {
    if (error instanceof BadRequest) return error
    throw error
  }
}

function evaluation(given: Readonly<Record<string, unknown>>): EvaluationRequest {
  const action = record(given['action'], 'action')
  const properties = propertiesOf(action, 'action')
  const request = {
    subject: entity(given['subject'], 'subject'),
    action: { name: text(action['name'], 'action.name'), ...properties },
    resource: entity(given['resource'], 'resource'),
  }
  const context = given['context']
  return context === undefined ? request : { ...request, context: record(context, 'context') }
}

function entity(value: unknown, name: string): Entity {
  const given = record(value, name)
  return {
    type: text(given['type'], `${name}.type`),
    id: text(given['id'], `${name}.id`),
    ...propertiesOf(given, name),
  }
}

function propertiesOf(
  given: Readonly<Record<string, unknown>>,
  name: string,
): { readonly properties?: Readonly<Record<string, unknown>> } {
  const properties = given['properties']
  return properties === undefined ? {} : { properties: record(properties, `${name}.properties`) }
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadRequest(`${name} has to be an object`)
  return value as Readonly<Record<string, unknown>>
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new BadRequest(`${name} has to be a text`)
  return value
}
