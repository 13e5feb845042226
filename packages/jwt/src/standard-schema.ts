/** A schema as zod, valibot, arktype and others give it (standardschema.dev, version 1), by shape. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const printable = /^[A-Za-z0-9_.:/-]{1,64}$/

/**
 * Runs a schema over a Claims Set.
 *
 * @returns Its output, or the name of the claim it refused; `claims` where that name is not safe to repeat.
 * @throws {TypeError} The schema is asynchronous.
 */
export function applySchema(schema: StandardSchema, claims: unknown): { value: unknown } | { refused: string } {
  let result: unknown
  try {
    result = schema['~standard'].validate(claims)
  } catch {
    return { refused: 'claims' }
  }
  if (typeof result !== 'object' || result === null) return { refused: 'claims' }
  if ('then' in result && typeof result.then === 'function') {
    // The promise is nobody's from here on: its rejection must not end the process.
    Promise.resolve(result as Promise<unknown>).catch(() => undefined)
    throw new TypeError('issuers[].claims must be a synchronous schema')
  }
  if ('issues' in result && result.issues !== undefined) return { refused: firstSegment(result.issues) }
  return 'value' in result ? { value: result.value } : { refused: 'claims' }
}

function firstSegment(issues: unknown): string {
  const path: unknown = Array.isArray(issues) ? (issues[0] as SchemaIssue | undefined)?.path : undefined
  const segment: unknown = Array.isArray(path) ? path[0] : undefined
  const key: unknown = typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment
  return typeof key === 'string' && printable.test(key) ? key : 'claims'
}
