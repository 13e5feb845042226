import type { AnySubject, Assignment } from './document.js'
import { RbacError } from './errors.js'
import type { Model } from './model.js'
import { own, type Reading, typed } from './value.js'

const MAX_ID = 1024
const MAX_ROLES = 1024

/** A role held by a subject, checked and copied. */
export interface Held {
  readonly role: string
  readonly tenant: string | undefined
  readonly notBefore: number
  readonly expiresAt: number
}

/** A subject, checked and copied. */
export interface CheckedSubject {
  readonly id: string
  readonly tenant: string | undefined
  readonly roles: readonly Held[]
  readonly ceilings: readonly string[] | null
  readonly attributes: ReadonlyMap<string, Reading>
}

/** Checks the form of a subject. A malformed assignment is refused, not skipped: skipping it could lift a deny. */
export function checkSubject(subject: AnySubject, model: Model): CheckedSubject {
  if (typeof subject !== 'object' || subject === null) throw invalid('subject')
  const id = identifier(own(subject, 'id'), 'subject.id')
  const rawTenant = own(subject, 'tenant')
  const tenant = rawTenant === undefined ? undefined : identifier(rawTenant, 'subject.tenant')
  const roles = heldRoles(own(subject, 'roles'), 'subject.roles')
  const assurance = own(subject, 'assurance')
  if (assurance !== undefined && !(Number.isInteger(assurance) && Number(assurance) >= 0 && Number(assurance) <= 3))
    throw invalid('subject.assurance')
  const given = own(subject, 'attributes')
  if (given !== undefined && (typeof given !== 'object' || given === null)) throw invalid('subject.attributes')
  const attributes = new Map<string, Reading>()
  for (const [name, type] of model.subject) attributes.set(name, typed(own(given, name), type))
  const builtIn = { id, tenant, assurance }
  for (const [name, value] of Object.entries(builtIn)) {
    const type = model.subject.get(name)
    if (type !== undefined) attributes.set(name, typed(value, type))
  }
  return { id, tenant, roles, ceilings: ceilingNames(own(subject, 'ceilings')), attributes }
}

/** The roles that count at an instant in a tenant: without a tenant, only those that name none. */
export function rolesAt(held: readonly Held[], tenant: string | undefined, now: number): readonly string[] {
  return held
    .filter((entry) => countsIn(entry, tenant) && entry.notBefore <= now && now < entry.expiresAt)
    .map((entry) => entry.role)
}

/** Whether an assignment counts in a session of this tenant, at some time. */
export function countsIn(entry: Held, tenant: string | undefined): boolean {
  return entry.tenant === undefined || entry.tenant === tenant
}

/** Checks a list of assignments; `field` names the place in a refusal. */
export function heldRoles(value: unknown, field: string, tenant?: string): readonly Held[] {
  if (!Array.isArray(value) || value.length > MAX_ROLES) throw invalid(field)
  return Array.from({ length: value.length }, (_, index) => {
    const entry: unknown = value[index]
    return typeof entry === 'string'
      ? { role: entry, tenant, ...ALWAYS }
      : assignment(entry, `${field}[${index}]`, tenant)
  })
}

const ALWAYS = { notBefore: Number.NEGATIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY } as const

function assignment(value: unknown, field: string, fallback: string | undefined): Held {
  if (typeof value !== 'object' || value === null) throw invalid(field)
  const role = own(value, 'role' satisfies keyof Assignment)
  if (typeof role !== 'string') throw invalid(`${field}.role`)
  const rawTenant = own(value, 'tenant')
  const tenant = rawTenant === undefined ? fallback : identifier(rawTenant, `${field}.tenant`)
  const notBefore = instant(own(value, 'notBefore'), ALWAYS.notBefore, `${field}.notBefore`)
  const expiresAt = instant(own(value, 'expiresAt'), ALWAYS.expiresAt, `${field}.expiresAt`)
  if (expiresAt <= notBefore) throw invalid(`${field}.expiresAt`)
  return { role, tenant, notBefore, expiresAt }
}

export function identifier(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.length < 1 || value.length > MAX_ID) throw invalid(field)
  return value
}

function instant(value: unknown, absent: number, field: string): number {
  if (value === undefined) return absent
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw invalid(field)
  return value
}

function ceilingNames(value: unknown): readonly string[] | null {
  if (value === undefined) return null
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_ROLES) throw invalid('subject.ceilings')
  const names: unknown[] = Array.from(value)
  return names.map((name) => {
    if (typeof name !== 'string') throw invalid('subject.ceilings')
    return name
  })
}

/** Names the field, never its value. */
function invalid(field: string): RbacError<'COFFER_RBAC_SUBJECT_INVALID'> {
  return new RbacError('COFFER_RBAC_SUBJECT_INVALID', `${field} is malformed`)
}
