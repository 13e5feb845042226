import type { Coverage } from './coverage.js'
import type { Operand, Operator } from './document.js'
import { type Issues, isList, isObject } from './issues.js'
import { at } from './json.js'
import type { Expression, Path, Right } from './model.js'
import type { Json } from './snapshot.js'
import { isText, MAX_TIMESTAMP, MIN_TIMESTAMP, sameKind, sameType, type ValueType } from './value.js'

const MAX_DEPTH = 16
const MAX_ATOMS = 256
const MAX_LIST = 1000
const MAX_LITERAL = 1024

const OPERATORS: ReadonlySet<string> = new Set(['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in', 'exists'])

/** What the paths of a rule may name: every resource that the rule's permissions belong to has to declare them alike. */
export interface Scope {
  readonly subject: ReadonlyMap<string, ValueType>
  readonly context: ReadonlyMap<string, ValueType>
  /** The place of each attribute among those of the subject. */
  readonly slots: ReadonlyMap<string, number>
  readonly resources: readonly Coverage[]
}

/** Types a condition; `null` when it is wrong, with the issues reported. */
export function readCondition(json: Json, pointer: string, scope: Scope, issues: Issues): Expression | null {
  return new ConditionReader(scope, issues).read(json, pointer, 1)
}

class ConditionReader {
  readonly #scope: Scope
  readonly #issues: Issues
  #atoms = 0

  constructor(scope: Scope, issues: Issues) {
    this.#scope = scope
    this.#issues = issues
  }

  read(json: Json, pointer: string, depth: number): Expression | null {
    if (depth > MAX_DEPTH)
      return this.#refuse('limit-exceeded', pointer, 'nested too deep', `at most ${MAX_DEPTH} levels`)
    const key = isObject(json) ? onlyKey(json) : undefined
    if (!isObject(json) || key === undefined)
      return this.#refuse('condition-shape', pointer, 'a condition has exactly one key', 'all, any, not, or a path')
    const inner = json[key] ?? null
    if (key === 'all' || key === 'any') return this.#list(key, inner, at(pointer, key), depth)
    if (key === 'not') {
      const item = this.read(inner, at(pointer, key), depth + 1)
      return item === null ? null : { kind: 'not', item }
    }
    return this.#atom(key, inner, at(pointer, key))
  }

  #list(kind: 'all' | 'any', json: Json, pointer: string, depth: number): Expression | null {
    if (!isList(json) || json.length === 0)
      return this.#refuse(
        'condition-shape',
        pointer,
        `${kind} needs a list that is not empty`,
        'at least one condition',
      )
    const items = json.map((entry, index) => this.read(entry, at(pointer, index), depth + 1))
    const valid = items.filter((item) => item !== null)
    return valid.length === items.length ? { kind, items: valid } : null
  }

  #atom(text: string, json: Json, pointer: string): Expression | null {
    if (++this.#atoms > MAX_ATOMS)
      return this.#refuse('limit-exceeded', pointer, 'too many comparisons', `at most ${MAX_ATOMS} a rule`)
    const path = this.#path(text, pointer)
    const op = isObject(json) ? onlyKey(json) : undefined
    if (!isObject(json) || op === undefined || !isOperator(op))
      return this.#refuse(
        'condition-shape',
        pointer,
        'a comparison has exactly one operator',
        [...OPERATORS].join(', '),
      )
    if (path === null) return null
    const operand = json[op] ?? null
    const right = this.#right(path, op, operand, at(pointer, op))
    // It is shown in explanations: whoever changes it there must not change it here.
    if (isList(operand)) Object.freeze(operand)
    return right === null ? null : { kind: 'atom', pointer, op, path, right, operand: operand as Operand }
  }

  #path(text: string, pointer: string): Path | null {
    const dot = text.indexOf('.')
    const root = text.slice(0, Math.max(dot, 0))
    const name = text.slice(dot + 1)
    if (root === 'subject' || root === 'context') {
      const type = this.#scope[root].get(name)
      if (type === undefined) return this.#unknown(name, this.#scope[root].keys(), pointer, root)
      return { root, name, type, slot: this.#slot(root, name) }
    }
    if (root === 'resource') return this.#resourcePath(name, pointer)
    return this.#refuse('condition-shape', pointer, 'not a path', 'subject.<name>, resource.<name> or context.<name>')
  }

  /** A subject attribute has its place among the declared ones; the session's instant comes after them all. */
  #slot(root: 'subject' | 'context', name: string): number {
    const { slots } = this.#scope
    if (root === 'subject') return slots.get(name) ?? -1
    return name === 'now' ? slots.size : -1
  }

  #resourcePath(name: string, pointer: string): Path | null {
    let found: ValueType | undefined
    for (const resources of this.#scope.resources) {
      const { lacking, type } = resources.attribute(name)
      if (lacking !== undefined) return this.#unknown(name, lacking.attributes.keys(), pointer, lacking.name)
      found ??= type
      if (type === undefined || found === undefined || !sameType(found, type))
        return this.#refuse(
          'attribute-type',
          pointer,
          `${name} is not declared alike by every resource`,
          'one rule per resource',
        )
    }
    return found === undefined ? null : { root: 'resource', name, type: found, slot: -1 }
  }

  #right(path: Path, op: Operator, operand: Json, pointer: string): Right | null {
    if (op === 'exists')
      return typeof operand === 'boolean'
        ? { kind: 'value', value: operand }
        : this.#refuse('operand-type', pointer, 'exists takes true or false', 'true: present; false: absent or null')
    const { kind, list } = path.type
    if (list)
      return this.#refuse(
        'operand-type',
        pointer,
        'a list has no order and no equality',
        'compare with in, the list on the right',
      )
    if (isOrder(op) && kind !== 'int' && kind !== 'timestamp')
      return this.#refuse(
        'operand-type',
        pointer,
        `${op} needs an int or a timestamp`,
        'text is equal or not: eq, ne, in',
      )
    if (typeof operand === 'string' && operand.startsWith('$') && !operand.startsWith('$$'))
      return this.#pathOperand(path, op, operand.slice(1), pointer)
    if (op === 'in') return this.#listOperand(path, operand, pointer)
    const value = literal(operand, path.type)
    return value === undefined ? this.#badLiteral(path.type, pointer) : { kind: 'value', value }
  }

  #pathOperand(path: Path, op: Operator, text: string, pointer: string): Right | null {
    if (!/^(subject|resource|context)\./.test(text))
      return this.#refuse(
        'operand-type',
        pointer,
        'not a path',
        'a text that starts with $ is a path; a literal one is written $$…',
      )
    const right = this.#path(text, pointer)
    if (right === null) return null
    if (right.type.list !== (op === 'in') || !sameKind(path.type, right.type))
      return this.#refuse(
        'operand-type',
        pointer,
        'the two sides are not of the same type',
        `a path of type ${nameOf(path.type, op === 'in')}`,
      )
    return { kind: 'path', path: right }
  }

  #listOperand(path: Path, operand: Json, pointer: string): Right | null {
    if (!isList(operand) || operand.length === 0)
      return this.#refuse(
        'operand-type',
        pointer,
        'in takes a list that is not empty, or a path to a list',
        'at least one value',
      )
    if (operand.length > MAX_LIST)
      return this.#refuse('limit-exceeded', pointer, 'the list is too long', `at most ${MAX_LIST} entries`)
    const values = operand.map((entry) => literal(entry, path.type))
    const valid = values.filter((value) => value !== undefined)
    return valid.length === values.length ? { kind: 'list', values: valid } : this.#badLiteral(path.type, pointer)
  }

  #badLiteral(type: ValueType, pointer: string): null {
    return this.#refuse(
      'operand-type',
      pointer,
      'the operand is of another type than the attribute',
      `a literal of type ${nameOf(type, false)}`,
    )
  }

  #unknown(name: string, known: Iterable<string>, pointer: string, holder: string): null {
    const message = `${holder} has no attribute ${JSON.stringify(name)}`
    this.#issues.addUnknown('attribute-unknown', pointer, message, name, known)
    return null
  }

  #refuse(code: Parameters<Issues['add']>[0], pointer: string, message: string, hint: string): null {
    this.#issues.add(code, pointer, message, hint)
    return null
  }
}

function onlyKey(json: { readonly [key: string]: Json }): string | undefined {
  const keys = Object.keys(json)
  return keys.length === 1 ? keys[0] : undefined
}

function isOperator(text: string): text is Operator {
  return OPERATORS.has(text)
}

function isOrder(op: Operator): boolean {
  return op === 'lt' || op === 'lte' || op === 'gt' || op === 'gte'
}

function literal(json: Json, type: ValueType): string | number | boolean | undefined {
  if (type.kind === 'bool') return typeof json === 'boolean' ? json : undefined
  if (type.kind === 'int') return Number.isSafeInteger(json) ? Number(json) : undefined
  if (type.kind === 'timestamp') return isInstant(json) ? Number(json) : undefined
  if (typeof json !== 'string' || json.length > MAX_LITERAL || !isText(json)) return undefined
  const text = json.startsWith('$$') ? json.slice(1) : json
  if (text === json && json.startsWith('$')) return undefined
  return type.kind !== 'enum' || type.members.has(text) ? text : undefined
}

function isInstant(json: Json): boolean {
  return Number.isInteger(json) && Number(json) >= MIN_TIMESTAMP && Number(json) <= MAX_TIMESTAMP
}

function nameOf(type: ValueType, list: boolean): string {
  return `${type.kind === 'enum' ? `one of ${[...type.members].slice(0, 5).join(', ')}` : type.kind}${list ? '[]' : ''}`
}
