import type { DecisionReason, Scalar } from './document.js'
import {
  compileExpression,
  compilePath,
  compileRight,
  FALSE,
  MIRRORED,
  NEGATED,
  type Subject,
  TRUE,
} from './evaluate.js'
import type { Atom, Expression, Path, Resource } from './model.js'
import type { Plan, PlannedRule, RoleSet } from './role-set.js'
import { MAX_TIMESTAMP, MIN_TIMESTAMP } from './value.js'

/** What a column holds, as far as comparing it goes; `enum` is one of a closed list of texts. */
export type ColumnType = 'text' | 'uuid' | 'int' | 'bool' | 'timestamp' | 'enum'
/** A column that a rule reads. */
export interface Column {
  readonly name: string
  readonly type: ColumnType
}
/** The operators between a column and a value or another column. */
export type ColumnOperator = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte'

/**
 * What is left of a policy once subject, context and time are known: a condition on columns. It has no negation, so a
 * comparison with NULL can only fail to be true. Timestamps are milliseconds.
 */
export type Residual =
  | { readonly all: readonly Residual[] }
  | { readonly any: readonly Residual[] }
  | { readonly column: Column; readonly op: 'isNull' | 'isNotNull' }
  | { readonly column: Column; readonly op: 'in' | 'notIn'; readonly values: readonly Scalar[] }
  | { readonly column: Column; readonly op: ColumnOperator; readonly value: Scalar | Column }

/** The rows that a permission may be used on: all, none, or those that meet a condition. */
export type Filter =
  | { readonly kind: 'all' }
  | { readonly kind: 'none'; readonly reason: DecisionReason }
  | { readonly kind: 'if'; readonly condition: Residual }

/** A residual, or its value where it does not depend on the row. */
type Folded = Residual | boolean

/** Selects exactly the rows that a check of this permission permits. */
export function filterOf(
  roleSet: RoleSet,
  permission: number,
  resource: Resource,
  subject: Subject,
  context: unknown,
): Filter {
  const plan = roleSet.plan(permission)
  if (roleSet.violations.length > 0) return none('separation-of-duty')
  if (plan.permits.length === 0) return none('no-permit')
  if (plan.outside !== null) return none('outside-ceiling')
  return new Folder(resource, subject, context).filter(plan)
}

export function none(reason: DecisionReason): Filter {
  return Object.freeze({ kind: 'none', reason })
}

/** Partial evaluation: `whenTrue` is the rows on which a condition is true, `whenFalse` those on which it is false. */
class Folder {
  readonly #resource: Resource
  readonly #subject: Subject
  readonly #context: unknown

  constructor(resource: Resource, subject: Subject, context: unknown) {
    this.#resource = resource
    this.#subject = subject
    this.#context = context
  }

  filter(plan: Plan): Filter {
    const clear = plan.denies.map((deny) => this.#ruleFalse(deny))
    const hard = plan.denies.filter((_, index) => clear[index] === false)
    if (hard.length > 0) return none(hard.some((deny) => this.#ruleTrue(deny) === true) ? 'denied' : 'deny-unknown')
    const granted = any(plan.permits.map((permit) => this.#ruleTrue(permit)))
    if (granted === false)
      return none(
        plan.permits.some((permit) => this.#ruleFalse(permit) === false) ? 'permit-unknown' : 'permit-not-met',
      )
    const condition = all([granted, ...clear])
    if (condition === true) return Object.freeze({ kind: 'all' })
    return condition === false ? none('denied') : Object.freeze({ kind: 'if', condition })
  }

  #ruleTrue({ rule, tenancy }: PlannedRule): Folded {
    const bound = tenancy === null ? true : this.whenTrue(tenancy.atom)
    return rule.when === null ? bound : all([bound, this.whenTrue(rule.when)])
  }

  #ruleFalse({ rule, tenancy }: PlannedRule): Folded {
    const bound = tenancy === null ? false : this.whenFalse(tenancy.atom)
    return rule.when === null ? bound : any([bound, this.whenFalse(rule.when)])
  }

  whenTrue(expression: Expression): Folded {
    if (expression.kind === 'atom') return this.#atom(expression, true)
    if (expression.kind === 'not') return this.whenFalse(expression.item)
    const items = expression.items.map((item) => this.whenTrue(item))
    return expression.kind === 'all' ? all(items) : any(items)
  }

  whenFalse(expression: Expression): Folded {
    if (expression.kind === 'atom') return this.#atom(expression, false)
    if (expression.kind === 'not') return this.whenTrue(expression.item)
    const items = expression.items.map((item) => this.whenFalse(item))
    return expression.kind === 'all' ? any(items) : all(items)
  }

  #atom(atom: Atom, wanted: boolean): Folded {
    const { path, right } = atom
    const rightColumn = right.kind === 'path' && right.path.root === 'resource' ? right.path : undefined
    if (path.root !== 'resource' && rightColumn === undefined)
      return compileExpression(atom)(this.#subject, undefined, this.#context) === (wanted ? TRUE : FALSE)
    if (atom.op === 'exists') {
      const present = (right.kind === 'value' && right.value === true) === wanted
      return leaf({ column: this.#column(path), op: present ? 'isNotNull' : 'isNull' })
    }
    if (atom.op === 'in') return this.#membership(path, this.#rightOf(atom), wanted)
    const op = wanted ? atom.op : NEGATED[atom.op]
    if (path.root === 'resource' && rightColumn !== undefined) return this.#columns(path, op, rightColumn)
    if (rightColumn === undefined) return this.#comparison(path, op, this.#rightOf(atom))
    const left = compilePath(path)(this.#subject, undefined, this.#context)
    return this.#comparison(rightColumn, MIRRORED[op], left)
  }

  #rightOf(atom: Atom): unknown {
    return compileRight(atom)(this.#subject, undefined, this.#context)
  }

  #comparison(path: Path, op: ColumnOperator, value: unknown): Folded {
    if (typeof value === 'symbol') return false
    const column = this.#column(path)
    const scalar = value as Scalar
    if (column.type === 'enum')
      return members(
        column,
        [...path.type.members].filter((member) => (member === scalar) === (op === 'eq')),
      )
    if (column.type === 'uuid' && !isUuid(scalar)) return op === 'eq' ? false : leaf({ column, op: 'isNotNull' })
    return this.#inRange([path], leaf({ column, op, value: scalar }))
  }

  #membership(path: Path, list: unknown, wanted: boolean): Folded {
    if (!Array.isArray(list)) return false
    const column = this.#column(path)
    const elements: readonly Scalar[] = list
    if (column.type === 'enum')
      return members(
        column,
        [...path.type.members].filter((member) => elements.includes(member) === wanted),
      )
    const values = column.type === 'uuid' ? elements.filter(isUuid) : elements
    if (values.length === 0) return wanted ? false : leaf({ column, op: 'isNotNull' })
    return this.#inRange([path], leaf({ column, op: wanted ? 'in' : 'notIn', values: Object.freeze([...values]) }))
  }

  #columns(left: Path, op: ColumnOperator, right: Path): Folded {
    const comparison = leaf({ column: this.#column(left), op, value: this.#column(right) })
    const typed = [left, right]
      .filter((path) => path.type.kind === 'enum')
      .map((path) => members(this.#column(path), path.type.members))
    return all([...typed, this.#inRange([left, right], comparison)])
  }

  /** `infinity` and years beyond 9999 are ill-typed, so a comparison with them is unknown. */
  #inRange(paths: readonly Path[], residual: Residual): Folded {
    const ranges = paths
      .filter((path) => path.type.kind === 'timestamp')
      .flatMap((path): readonly Residual[] => {
        const column = this.#column(path)
        return [leaf({ column, op: 'gte', value: MIN_TIMESTAMP }), leaf({ column, op: 'lte', value: MAX_TIMESTAMP })]
      })
    return all([...ranges, residual])
  }

  #column(path: Path): Column {
    const attribute = this.#resource.attributes.get(path.name)
    const type = COLUMN_TYPES[path.type.kind]
    return Object.freeze({ name: attribute?.column ?? path.name, type: attribute?.columnType ?? type })
  }
}

const COLUMN_TYPES = {
  id: 'text',
  string: 'text',
  int: 'int',
  bool: 'bool',
  timestamp: 'timestamp',
  enum: 'enum',
} as const

function leaf(residual: Residual): Residual {
  return Object.freeze(residual)
}

function members(column: Column, values: Iterable<string>): Folded {
  const list = Object.freeze([...values])
  return list.length === 0 ? false : leaf({ column, op: 'in', values: list })
}

/** PostgreSQL prints a uuid in lower case: any other text equals none. */
function isUuid(value: Scalar): boolean {
  return typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(value)
}

function all(items: readonly Folded[]): Folded {
  if (items.includes(false)) return false
  const rest = items.filter((item) => item !== true && item !== false)
  if (rest.length <= 1) return rest[0] ?? true
  return Object.freeze({ all: Object.freeze(rest.flatMap((item) => ('all' in item ? item.all : [item]))) })
}

function any(items: readonly Folded[]): Folded {
  if (items.includes(true)) return true
  const rest = items.filter((item) => item !== true && item !== false)
  if (rest.length <= 1) return rest[0] ?? false
  return Object.freeze({ any: Object.freeze(rest.flatMap((item) => ('any' in item ? item.any : [item]))) })
}
