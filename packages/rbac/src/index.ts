/**
 * @module Decides whether a subject may perform an action on a resource, from one readable policy, and says why.
 */
export type { SubjectAssignments } from './assignments.js'
export type { Change } from './change.js'
export type { CheckedPolicy } from './checked.js'
export type { ConstraintViolation } from './constraint.js'
export {
  type AnySubject,
  type Assignment,
  type AttributeDefinition,
  type AttributeType,
  type Comparison,
  type Condition,
  type Constraint,
  type DecisionReason,
  type DecisionRequest,
  type DenyRule,
  definePolicy,
  type InputType,
  type Mask,
  type Operand,
  type Operator,
  type PermitRule,
  type PolicyDocument,
  type PolicyTest,
  type ResourceDefinition,
  type RoleDefinition,
  type Scalar,
} from './document.js'
export {
  type AnyRbacError,
  isRbacError,
  PolicyError,
  type PolicyIssue,
  type PolicyIssueCode,
  RbacError,
  type RbacErrorCode,
} from './errors.js'
export type { AtomTrace, RoleTrace, RuleTrace, VerdictName } from './explain.js'
export type { Column, ColumnOperator, ColumnType, Filter, Residual } from './filter.js'
export type { PermissionHandle } from './handle.js'
export type {
  ContextOf,
  FieldOf,
  MaskedOf,
  PermissionOf,
  ResourceOf,
  RoleOf,
  SubjectAttributesOf,
  Target,
} from './infer.js'
export { parsePolicy } from './json.js'
export { type AnyPolicy, type CompileOptions, compilePolicy, type Policy } from './policy.js'
export type { Decision, Explanation } from './session.js'
export type { SessionOptions } from './session-start.js'
export type { Session, SubjectInput } from './session-types.js'
