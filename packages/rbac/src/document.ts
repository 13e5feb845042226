import type { CheckedPolicy } from './checked.js'

/** A scalar type; a trailing `?` means that the attribute may be absent. */
export type ScalarType = 'id' | 'string' | 'int' | 'bool' | 'timestamp'
/** One of the listed texts; a last entry `'?'` means that the attribute may be absent. */
export type OneOf = readonly [string, ...string[]]
/** The type of a resource attribute. */
export type AttributeType = ScalarType | `${ScalarType}?` | OneOf
/** The type of a subject or context attribute, which may also be a list. */
export type InputType = AttributeType | `${'id' | 'string' | 'int'}[]` | `${'id' | 'string' | 'int'}[]?`
/** How a masked field is shown: nothing, the last four, the first six and last four (PCI DSS 3.4.1), or an e-mail's outline. */
export type Mask = 'redact' | 'last4' | 'bin6last4' | 'email'
/** The PostgreSQL type of a column, where it does not follow from the attribute's type. */
export type DeclaredColumnType = 'text' | 'uuid'

/** A resource attribute with its mask or its column. */
export interface AttributeDefinition {
  readonly type: AttributeType
  readonly mask?: Mask
  readonly column?: string
  readonly columnType?: DeclaredColumnType
}

/** One kind of thing that is protected: its actions, its attributes and the attribute that names its tenant. */
export interface ResourceDefinition {
  readonly actions: readonly [string, ...string[]]
  readonly attributes?: Readonly<Record<string, AttributeType | AttributeDefinition>>
  readonly tenant?: string
  readonly description?: string
}

/** A comparison operator. Text is equal or not; `lt` and its kin are for `int` and `timestamp`. */
export type Operator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'in' | 'exists'
/** A literal of the document. A text that starts with `$` is a path; a literal that does is written `$$…`. */
export type Scalar = string | number | boolean | bigint
/** What an attribute is compared with. */
export type Operand = string | number | boolean | readonly (string | number | boolean)[]
/** One comparison: `{ 'resource.amount': { lte: '$subject.limit' } }`. Exactly one path and one operator. */
export type Comparison = { readonly [path: string]: { readonly [op in Operator]?: Operand } }
/** A condition, one key per object. */
export type Condition =
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition }
  | Comparison

/** A permit that has a name of its own, a condition or a choice of fields. */
export interface PermitRule {
  readonly id: string
  readonly permission: string | readonly [string, ...string[]]
  readonly when?: Condition
  readonly fields?: readonly [string, ...string[]]
  readonly masked?: readonly [string, ...string[]]
}

/** A deny. It overrides every permit; with `fields` it removes those fields only. */
export interface DenyRule {
  readonly id: string
  readonly permission: string | readonly [string, ...string[]]
  readonly roles?: readonly [string, ...string[]]
  readonly when?: Condition
  readonly fields?: readonly [string, ...string[]]
}

/** A role: its juniors, what it permits, and whether its permits are bound to the session's tenant. */
export interface RoleDefinition {
  readonly inherits?: readonly string[]
  readonly permit?: readonly (string | PermitRule)[]
  /** Default `tenant`. */
  readonly scope?: 'tenant' | 'platform'
  readonly description?: string
}

/** Separation of duty or cardinality (ANSI INCITS 359-2012). */
export type Constraint =
  | {
      readonly id: string
      readonly kind: 'ssd' | 'dsd'
      readonly roles: readonly [string, ...string[]]
      readonly atMost: number
    }
  | {
      readonly id: string
      readonly kind: 'ssd' | 'dsd'
      readonly permissions: readonly [string, ...string[]]
      readonly atMost: number
    }
  | { readonly id: string; readonly kind: 'cardinality'; readonly role: string; readonly atMost: number }

/** A role held by a subject; valid iff `notBefore <= now < expiresAt` (ms), in one tenant or, without it, in every one. */
export interface Assignment {
  readonly role: string
  readonly tenant?: string
  readonly notBefore?: number
  readonly expiresAt?: number
}

/** The subject of a session, untyped: what a test in a document or a PDP's directory gives. */
export interface AnySubject {
  readonly id: string
  readonly tenant?: string
  readonly roles: readonly (string | Assignment)[]
  readonly assurance?: number
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly ceilings?: readonly string[]
}

/** One question to a policy as data: policy tests and why-not work on it. */
export interface DecisionRequest {
  readonly subject: AnySubject
  readonly activeRoles?: readonly string[]
  readonly permission: string
  readonly resource?: Readonly<Record<string, unknown>>
  readonly context?: Readonly<Record<string, unknown>>
  readonly now?: number
}

/** Why a decision is what it is; the first that fits, in this order. */
export type DecisionReason =
  | 'unknown-permission'
  | 'session-expired'
  | 'separation-of-duty'
  | 'no-permit'
  | 'outside-ceiling'
  | 'denied'
  | 'deny-unknown'
  | 'permit-unknown'
  | 'permit-not-met'
  | 'permitted'

/** A decision that the policy has to give. */
export interface PolicyTest extends DecisionRequest {
  readonly name: string
  readonly expect: 'permit' | 'deny'
  readonly reason?: DecisionReason
  readonly ruleId?: string
}

/** A policy: one readable document. Every key that is not listed here is refused. */
export interface PolicyDocument {
  readonly $schema?: string
  readonly description?: string
  /** The policy's name, 1 to 64 characters. */
  readonly policy: string
  /** The document's version, 1 to 64 characters. */
  readonly version: string
  readonly subject?: Readonly<Record<string, InputType>>
  readonly context?: Readonly<Record<string, InputType>>
  readonly resources: Readonly<Record<string, ResourceDefinition>>
  readonly roles: Readonly<Record<string, RoleDefinition>>
  readonly deny?: readonly DenyRule[]
  readonly ceilings?: Readonly<Record<string, readonly [string, ...string[]]>>
  readonly constraints?: readonly Constraint[]
  readonly tests?: readonly PolicyTest[]
}

/**
 * Gives a policy literal its exact type, so that a misspelt role, permission, attribute or operand does not compile.
 *
 * The identity at run time: {@link compilePolicy} does the checking that types cannot.
 */
export function definePolicy<const D extends PolicyDocument>(
  // The check stands behind a condition: as a plain intersection it would be the contextual type of every literal.
  document: D & (D extends CheckedPolicy<D> ? unknown : CheckedPolicy<D>),
): D {
  return document
}
