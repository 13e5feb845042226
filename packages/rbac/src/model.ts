import type { DecisionReason, DecisionRequest, Mask, Operand, Operator } from './document.js'
import type { RoleTable } from './role-table.js'
import type { ValueType } from './value.js'

/** Where a condition finds a value. */
export interface Path {
  readonly root: 'subject' | 'resource' | 'context'
  readonly name: string
  readonly type: ValueType
  /** The place in a session of a subject attribute and of `context.now`; -1 for the others. */
  readonly slot: number
}

/** The right side of a comparison. */
export type Right =
  | { readonly kind: 'path'; readonly path: Path }
  | { readonly kind: 'value'; readonly value: string | number | boolean }
  | { readonly kind: 'list'; readonly values: readonly (string | number | boolean)[] }

/** One comparison, typed. */
export interface Atom {
  readonly kind: 'atom'
  readonly pointer: string
  readonly op: Operator
  readonly path: Path
  readonly right: Right
  /** As the document spells it. */
  readonly operand: Operand
}

/** A condition, typed. */
export type Expression =
  | { readonly kind: 'all' | 'any'; readonly items: readonly Expression[] }
  | { readonly kind: 'not'; readonly item: Expression }
  | Atom

export interface Attribute {
  readonly name: string
  readonly type: ValueType
  readonly mask: Mask | undefined
  readonly column: string
  readonly columnType: 'uuid' | undefined
}

export interface Resource {
  readonly name: string
  readonly actions: readonly string[]
  readonly attributes: ReadonlyMap<string, Attribute>
  readonly tenant: string | undefined
}

/** A permit rule or a deny that has an id of its own. */
export interface Rule {
  readonly id: string
  readonly effect: 'permit' | 'deny'
  /** The role that states a permit; `null` for a deny. */
  readonly role: string | null
  readonly pointer: string
  /** The numbers of its patterns. */
  readonly patterns: readonly number[]
  readonly when: Expression | null
  /** `null` when the rule does not name any. */
  readonly fields: readonly string[] | null
  readonly masked: readonly string[] | null
  /** The roles that a deny is bound to; `null` for every subject. */
  readonly roles: readonly string[] | null
}

export interface SeparationOfDuty {
  readonly id: string
  readonly pointer: string
  readonly kind: 'ssd' | 'dsd'
  readonly over: 'roles' | 'permissions'
  readonly members: readonly string[]
  readonly atMost: number
}

export interface Cardinality {
  readonly id: string
  readonly pointer: string
  readonly kind: 'cardinality'
  readonly members: readonly string[]
  readonly atMost: number
}

export interface Test {
  readonly name: string
  readonly pointer: string
  readonly expect: 'permit' | 'deny'
  readonly reason: DecisionReason | undefined
  readonly ruleId: string | undefined
  readonly request: DecisionRequest
}

/** A document that has passed every check, with nothing of the caller's left in it. */
export interface Model {
  readonly name: string
  readonly version: string
  readonly subject: ReadonlyMap<string, ValueType>
  readonly context: ReadonlyMap<string, ValueType>
  readonly resources: ReadonlyMap<string, Resource>
  readonly roles: RoleTable
  readonly deny: readonly Rule[]
  readonly ceilings: ReadonlyMap<string, readonly number[]> | null
  readonly constraints: readonly (SeparationOfDuty | Cardinality)[]
  readonly tests: readonly Test[]
}
