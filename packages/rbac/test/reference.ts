/**
 * A second, plain reading of the language: no rows, no cache, no interned numbers, nothing of src. Slow and literal, it is
 * what the engine is held against.
 */
import type { AnySubject, Condition, PolicyDocument } from '@coffer/rbac'

export interface Question {
  readonly subject: AnySubject
  readonly activeRoles?: readonly string[]
  readonly permission: string
  readonly resource?: unknown
  readonly context?: unknown
  readonly now: number
}

export interface Answer {
  readonly decision: 'permit' | 'deny'
  readonly reason: string
  readonly ruleId: string | null
  readonly clear: readonly string[]
  readonly masked: readonly string[]
}

type Truth = 'true' | 'false' | 'unknown'
interface Applying {
  readonly id: string
  readonly truth: Truth
  readonly fields: readonly string[] | undefined
  readonly masked: readonly string[] | undefined
}

export function reference(document: PolicyDocument, question: Question): Answer {
  const { permission, subject, now } = question
  const resourceName = permission.split(':')[0] ?? ''
  const resource = Object.hasOwn(document.resources, resourceName) ? document.resources[resourceName] : undefined
  const deny = (reason: string, ruleId: string | null): Answer => ({
    decision: 'deny',
    reason,
    ruleId,
    clear: [],
    masked: [],
  })
  if (resource === undefined || !resource.actions.some((action) => `${resourceName}:${action}` === permission))
    return deny('unknown-permission', null)

  const assigned = subject.roles
    .map((entry) => (typeof entry === 'string' ? { role: entry } : entry))
    .filter((entry) => entry.tenant === undefined || entry.tenant === subject.tenant)
    .filter((entry) => (entry.notBefore ?? -Infinity) <= now && now < (entry.expiresAt ?? Infinity))
    .map((entry) => entry.role)
  const authorised = closure(document, assigned)
  const active = question.activeRoles === undefined ? authorised : closure(document, question.activeRoles)

  const broken = (document.constraints ?? [])
    .filter((constraint) => {
      if (constraint.kind === 'cardinality') return false
      const roles = constraint.kind === 'ssd' ? authorised : active
      if ('roles' in constraint)
        return [...new Set(constraint.roles)].filter((role) => roles.has(role)).length > constraint.atMost
      const reached = (name: string): boolean =>
        [...roles].some((role) => permitsOf(document, role).some((rule) => covers(rule.permission, name)))
      return [...new Set(constraint.permissions)].filter(reached).length > constraint.atMost
    })
    .map((constraint) => constraint.id)
  if (broken.length > 0) return deny('separation-of-duty', least(broken))

  const evaluate = (condition: Condition): Truth => truth(condition, document, question, resourceName)
  const permits: Applying[] = [...active].flatMap((role) =>
    permitsOf(document, role)
      .filter((rule) => covers(rule.permission, permission))
      .map((rule) => {
        const itself = assigned.includes(role) && (question.activeRoles ?? assigned).includes(role)
        const lifted = document.roles[role]?.scope === 'platform' && itself
        const bound = resource.tenant !== undefined && !lifted
        const tenancy: Condition = { [`resource.${resource.tenant}`]: { eq: '$subject.tenant' } }
        const parts = [...(rule.when === undefined ? [] : [rule.when]), ...(bound ? [tenancy] : [])]
        return { id: rule.id, truth: all(parts.map(evaluate)), fields: rule.fields, masked: rule.masked }
      }),
  )
  if (permits.length === 0) return deny('no-permit', null)

  if (document.ceilings !== undefined) {
    const ceilings = document.ceilings
    const named = subject.ceilings ?? []
    const known = named.filter((name) => Object.hasOwn(ceilings, name))
    const outside = known.filter((name) => !covers(ceilings[name] ?? [], permission))
    if (outside.length > 0) return deny('outside-ceiling', least(outside))
    if (named.length === 0 || known.length < named.length) return deny('outside-ceiling', null)
  }

  const denies: Applying[] = (document.deny ?? [])
    .filter((rule) => covers(rule.permission, permission))
    .filter((rule) => rule.roles === undefined || rule.roles.some((role) => authorised.has(role)))
    .map((rule) => ({
      id: rule.id,
      truth: rule.when === undefined ? 'true' : evaluate(rule.when),
      fields: rule.fields,
      masked: undefined,
    }))
  const whole = denies.filter((rule) => rule.fields === undefined)
  const idsOf = (rules: readonly Applying[], wanted: Truth): readonly string[] =>
    rules.filter((rule) => rule.truth === wanted).map((rule) => rule.id)
  const ladder: readonly (readonly [string, readonly string[]])[] = [
    ['denied', idsOf(whole, 'true')],
    ['deny-unknown', idsOf(whole, 'unknown')],
    ['permitted', idsOf(permits, 'true')],
    ['permit-unknown', idsOf(permits, 'unknown')],
    ['permit-not-met', idsOf(permits, 'false')],
  ]
  const [reason, ids] = ladder.find(([, found]) => found.length > 0) ?? ['no-permit', []]
  if (reason !== 'permitted') return deny(reason, least(ids))

  const attributes = Object.entries(resource.attributes ?? {})
  const withMask = attributes.filter(([, type]) => typeof type === 'object' && 'mask' in type).map(([name]) => name)
  const without = attributes.map(([name]) => name).filter((name) => !withMask.includes(name))
  const expand = (names: readonly string[], star: readonly string[]): readonly string[] =>
    names.flatMap((name) => (name === '*' ? star : [name]))
  const given = permits.filter((rule) => rule.truth === 'true')
  const plain = (rule: Applying): boolean => rule.fields === undefined && rule.masked === undefined
  const taken = denies
    .filter((rule) => rule.fields !== undefined && rule.truth !== 'false')
    .flatMap((rule) =>
      expand(
        rule.fields ?? [],
        attributes.map(([name]) => name),
      ),
    )
  const clear = new Set(given.flatMap((rule) => (plain(rule) ? without : expand(rule.fields ?? [], without))))
  const masked = new Set(given.flatMap((rule) => (plain(rule) ? withMask : expand(rule.masked ?? [], withMask))))
  return {
    decision: 'permit',
    reason,
    ruleId: least(ids),
    clear: [...clear].filter((name) => !taken.includes(name)).sort(),
    masked: [...masked].filter((name) => !taken.includes(name) && !clear.has(name)).sort(),
  }
}

function least(ids: readonly string[]): string | null {
  return [...ids].sort()[0] ?? null
}

function closure(document: PolicyDocument, roles: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const visit = (role: string): void => {
    if (found.has(role) || !Object.hasOwn(document.roles, role)) return
    found.add(role)
    for (const junior of document.roles[role]?.inherits ?? []) visit(junior)
  }
  for (const role of roles) visit(role)
  return found
}

interface Permit {
  readonly id: string
  readonly permission: string | readonly string[]
  readonly when?: Condition
  readonly fields?: readonly string[]
  readonly masked?: readonly string[]
}

function permitsOf(document: PolicyDocument, role: string): readonly Permit[] {
  return (document.roles[role]?.permit ?? []).map((entry) =>
    typeof entry === 'string' ? { id: `${role}/${entry}`, permission: entry } : entry,
  )
}

function covers(patterns: string | readonly string[], permission: string): boolean {
  const [resource, action] = permission.split(':')
  return (typeof patterns === 'string' ? [patterns] : patterns).some((pattern) => {
    if (pattern === '*') return true
    const [left, right] = pattern.split(':')
    return (left === '*' || left === resource) && (right === '*' || right === action)
  })
}

function all(truths: readonly Truth[]): Truth {
  if (truths.includes('false')) return 'false'
  return truths.includes('unknown') ? 'unknown' : 'true'
}

function negate(value: Truth): Truth {
  return value === 'unknown' ? 'unknown' : value === 'true' ? 'false' : 'true'
}

function truth(condition: Condition, document: PolicyDocument, question: Question, resource: string): Truth {
  const again = (inner: Condition): Truth => truth(inner, document, question, resource)
  const [key = '', value] = Object.entries(condition)[0] ?? []
  if (key === 'all') return all((value as Condition[]).map(again))
  if (key === 'any') return negate(all((value as Condition[]).map((inner) => negate(again(inner)))))
  if (key === 'not') return negate(again(value as Condition))
  const [op = '', operand] = Object.entries(value as object)[0] ?? []
  const left = look(key, document, question, resource)
  if (op === 'exists') {
    if (left.thrown) return 'unknown'
    return (left.raw !== undefined && left.raw !== null) === operand ? 'true' : 'false'
  }
  const right = operandValue(operand, document, question, resource, left.kind)
  if (left.value === undefined || right === undefined) return 'unknown'
  return compare(op, left.value, right) ? 'true' : 'false'
}

interface Looked {
  readonly raw: unknown
  readonly thrown: boolean
  readonly kind: string
  /** Well typed, or undefined. */
  readonly value: unknown
}

const BUILT_IN: Readonly<Record<string, string>> = {
  'subject.id': 'id',
  'subject.tenant': 'id',
  'subject.assurance': 'int',
  'context.now': 'timestamp',
}

function look(path: string, document: PolicyDocument, question: Question, resource: string): Looked {
  const root = path.slice(0, path.indexOf('.'))
  const name = path.slice(path.indexOf('.') + 1)
  const attribute = document.resources[resource]?.attributes?.[name]
  const declared =
    root === 'resource'
      ? isDefinition(attribute)
        ? attribute.type
        : attribute
      : document[root as 'subject' | 'context']?.[name]
  const type = BUILT_IN[path] ?? declared
  const holder =
    path in BUILT_IN
      ? {
          id: question.subject.id,
          tenant: question.subject.tenant,
          assurance: question.subject.assurance,
          now: question.now,
        }
      : { subject: question.subject.attributes, resource: question.resource, context: question.context }[root]
  const kind = typeof type === 'string' ? type.replace('?', '') : 'enum'
  try {
    const raw =
      typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name)
        ? (holder as Record<string, unknown>)[name]
        : undefined
    return { raw, thrown: false, kind, value: typedAs(raw, kind, Array.isArray(type) ? type : []) }
  } catch {
    return { raw: undefined, thrown: true, kind, value: undefined }
  }
}

function isDefinition(value: unknown): value is { readonly type: string | readonly string[] } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function operandValue(
  operand: unknown,
  document: PolicyDocument,
  question: Question,
  resource: string,
  kind: string,
): unknown {
  if (typeof operand === 'string' && operand.startsWith('$') && !operand.startsWith('$$'))
    return look(operand.slice(1), document, question, resource).value
  const literal = (value: unknown): unknown =>
    typeof value === 'string' && value.startsWith('$$') ? value.slice(1) : value
  if (Array.isArray(operand)) return operand.map(literal)
  return kind === 'timestamp' ? operand : literal(operand)
}

function typedAs(raw: unknown, kind: string, members: readonly string[]): unknown {
  if (raw === undefined || raw === null) return undefined
  if (kind.endsWith('[]')) {
    if (!Array.isArray(raw) || raw.length > 1000) return undefined
    const values = raw.map((element) => typedAs(element, kind.slice(0, -2), members))
    return values.includes(undefined) ? undefined : values
  }
  switch (kind) {
    case 'id':
    case 'string':
      return typeof raw === 'string' && !raw.includes('\0') && !/\p{Surrogate}/u.test(raw) ? raw : undefined
    case 'enum':
      return typeof raw === 'string' && raw !== '?' && members.includes(raw) ? raw : undefined
    case 'bool':
      return typeof raw === 'boolean' ? raw : undefined
    case 'int':
      if (typeof raw === 'bigint') return BigInt.asIntN(64, raw) === raw ? raw : undefined
      return Number.isSafeInteger(raw) ? BigInt(raw as number) : undefined
    default: {
      const ms = raw instanceof Date ? raw.getTime() : raw
      const inYears =
        typeof ms === 'number' &&
        Number.isInteger(ms) &&
        ms >= Date.parse('0001-01-01T00:00:00Z') &&
        ms <= Date.parse('9999-12-31T23:59:59.999Z')
      return inYears ? ms : undefined
    }
  }
}

function compare(op: string, left: unknown, right: unknown): boolean {
  const same = (a: unknown, b: unknown): boolean => String(a) === String(b)
  const order = Number(
    BigInt(String(typeof left === 'string' || typeof left === 'boolean' ? 0 : left)) -
      BigInt(String(typeof right === 'number' || typeof right === 'bigint' ? right : 0)),
  )
  switch (op) {
    case 'eq':
      return same(left, right)
    case 'ne':
      return !same(left, right)
    case 'in':
      return (right as readonly unknown[]).some((element) => same(left, element))
    case 'lt':
      return order < 0
    case 'lte':
      return order <= 0
    case 'gt':
      return order > 0
    default:
      return order >= 0
  }
}
