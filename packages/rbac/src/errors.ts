/** Every stable error code of this package. Adding one is minor; renaming or removing one is major. */
export type RbacErrorCode =
  | 'COFFER_RBAC_POLICY_INVALID'
  | 'COFFER_RBAC_ROLE_NOT_ASSIGNED'
  | 'COFFER_RBAC_SUBJECT_INVALID'

/** Every stable code of one mistake in a policy document. Adding one is minor; renaming or removing one is major. */
export type PolicyIssueCode =
  | 'attribute-type'
  | 'attribute-unknown'
  | 'ceiling-invalid'
  | 'condition-shape'
  | 'constraint-unsatisfiable'
  | 'duplicate-id'
  | 'duplicate-key'
  | 'field-unknown'
  | 'id-missing'
  | 'json-syntax'
  | 'key-unknown'
  | 'limit-exceeded'
  | 'mask-unknown'
  | 'name-invalid'
  | 'operand-type'
  | 'pattern-empty'
  | 'permission-unknown'
  | 'required-missing'
  | 'role-cycle'
  | 'role-unknown'
  | 'tenant-invalid'
  | 'test-invalid'
  | 'value-type'

/** One mistake in a policy document: where it is (an RFC 6901 pointer), what is wrong and what would be right. */
export interface PolicyIssue {
  readonly code: PolicyIssueCode
  /** RFC 6901 JSON Pointer into the document; empty for the document itself. */
  readonly pointer: string
  readonly message: string
  readonly hint: string
}

/** Thrown for any document or subject this package refuses. Branch on {@link code}. Carries no attribute value. */
export class RbacError<Code extends RbacErrorCode = RbacErrorCode> extends Error {
  override readonly name: string = 'RbacError'
  readonly code: Code
  constructor(code: Code, message: string) {
    super(message)
    this.code = code
  }
}

/** Thrown by `parsePolicy` and `compilePolicy`: every mistake at once, in document order, at most 1,000. */
export class PolicyError extends RbacError<'COFFER_RBAC_POLICY_INVALID'> {
  override readonly name: string = 'PolicyError'
  readonly issues: readonly PolicyIssue[]
  constructor(issues: readonly PolicyIssue[]) {
    super('COFFER_RBAC_POLICY_INVALID', summary(issues))
    this.issues = Object.freeze(issues.map((issue) => Object.freeze({ ...issue })))
  }
}

/** Any error of this package, narrowed by its `code`. */
export type AnyRbacError =
  | PolicyError
  | RbacError<'COFFER_RBAC_ROLE_NOT_ASSIGNED'>
  | RbacError<'COFFER_RBAC_SUBJECT_INVALID'>

/** Tells whether a value is an error of this package, by the prefix of its code, so that it holds across copies. */
export function isRbacError(value: unknown): value is AnyRbacError {
  return (
    value instanceof Error && 'code' in value && typeof value.code === 'string' && value.code.startsWith('COFFER_RBAC_')
  )
}

function summary(issues: readonly PolicyIssue[]): string {
  const shown = issues.slice(0, 5).map((issue) => `${issue.pointer || '(document)'}: ${issue.message}`)
  const more = issues.length > shown.length ? `\n  and ${issues.length - shown.length} more` : ''
  return `policy has ${issues.length} issue${issues.length === 1 ? '' : 's'}\n  ${shown.join('\n  ')}${more}`
}
