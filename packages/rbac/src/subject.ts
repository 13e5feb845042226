import type { AnySubject, Assignment } from './document.js'
import { RbacError } from './errors.js'

const MAX_ID = 1024
const MAX_ROLES = 1024

/** A role held by a subject, checked and copied. */
export interface Held {
  readonly role: string
  readonly tenant: string | undefined
  readonly notBefore: number
  readonly expiresAt: number
}

/** The roles that count at an instant in a tenant: without a tenant, only those that name none. */
export function rolesAt(held: readonly Held[], tenant: string | undefined, now: number): readonly string[] {
  return held.filter((entry) => countsIn(entry, tenant) && isValidAt(entry, now)).map((entry) => entry.role)
}

/** Whether an assignment counts in a session of this tenant, at some time. */
export function countsIn(entry: Held, tenant: string | undefined): boolean {
  return entry.tenant === undefined || entry.tenant === tenant
}

/** Validity is half open: from `notBefore` on, and gone at exactly `expiresAt`. */
export function isValidAt(entry: Held, now: number): boolean {
  return entry.notBefore <= now && now < entry.expiresAt
}

/** Checks a list of assignments; `field` names the place in a refusal. */
export function heldRoles(value: unknown, field: string, tenant?: string): readonly Held[] {
  return copyList(value, field).map((entry, index) => {
    return typeof entry === 'string'
      ? { role: entry, tenant, ...ALWAYS }
      : readAssignment(entry, `${field}[${index}]`, tenant)
  })
}

/** The length of a list of at most 1,024 entries, read once: that of a proxy may grow under a loop. */
export function listLength(value: unknown, field: string): number {
  const length: unknown = Array.isArray(value) ? value.length : undefined
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || length > MAX_ROLES) throw invalid(field)
  return length
}

/** A copy of such a list; every element is read once. */
export function copyList(value: unknown, field: string): readonly unknown[] {
  const length = listLength(value, field)
  return Array.from({ length }, (_, index) => (value as readonly unknown[])[index])
}

const ALWAYS = { notBefore: Number.NEGATIVE_INFINITY, expiresAt: Number.POSITIVE_INFINITY } as const

/** Checks one assignment. A malformed one is refused, not skipped: skipping it could lift a deny. */
export function readAssignment(value: unknown, field: string, fallback: string | undefined): Held {
  if (typeof value !== 'object' || value === null) throw invalid(field)
  const given = readProperties(value, field)
  const { role } = given
  if (typeof role !== 'string') throw invalid(`${field}.role`)
  const tenant = given.tenant === undefined ? fallback : identifier(given.tenant, `${field}.tenant`)
  const notBefore = instant(given.notBefore, ALWAYS.notBefore, `${field}.notBefore`)
  const expiresAt = instant(given.expiresAt, ALWAYS.expiresAt, `${field}.expiresAt`)
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

/** The names of a list of ceilings or of roles to activate, checked and copied. */
export function nameList(value: unknown, field: string, atLeast: number): readonly string[] {
  const list = copyList(value, field)
  if (list.length < atLeast || !list.every((name) => typeof name === 'string')) throw invalid(field)
  return list
}

/** An assurance level of SP 800-63B, or its absence. */
export function assuranceLevel(value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 3) return value
  throw invalid('subject.assurance')
}

type AssignmentReadings = { readonly [name in keyof Assignment]-?: unknown }

/**
 * Reads an assignment as a subject is read: leaving out an inherited tenant or end would have the role count in every
 * tenant, or for ever.
 */
function readProperties(given: Readonly<Partial<AssignmentReadings>>, field: string): AssignmentReadings {
  try {
    const { role, tenant, notBefore, expiresAt } = given
    if (isPlainAssignment(given)) return { role, tenant, notBefore, expiresAt }
    return {
      role: ifOwn(given, 'role', role, field),
      tenant: ifOwn(given, 'tenant', tenant, field),
      notBefore: ifOwn(given, 'notBefore', notBefore, field),
      expiresAt: ifOwn(given, 'expiresAt', expiresAt, field),
    }
  } catch {
    throw refusalOf(given, ['role', 'tenant', 'notBefore', 'expiresAt'], field)
  }
}

function isPlainAssignment(given: object): boolean {
  const above: unknown = Object.getPrototypeOf(given)
  if (above === null) return true
  if (above !== ASSIGNMENT_ROOT) return false
  const { role, tenant, notBefore, expiresAt } = ASSIGNMENT_ROOT
  return role === undefined && tenant === undefined && notBefore === undefined && expiresAt === undefined
}

/** The tenant of an entry of a list of assignments, read by the same rule. */
export function readTenant(entry: { readonly tenant?: unknown }, field: string): string | undefined {
  let tenant: unknown
  try {
    tenant = ifOwn(entry, 'tenant', entry.tenant, field)
  } catch {
    throw invalid(`${field}.tenant`)
  }
  return tenant === undefined ? undefined : identifier(tenant, `${field}.tenant`)
}

/** What was read of a subject, each property once and its own; nothing of it is checked. */
export type SubjectReadings = { readonly [name in keyof AnySubject]-?: unknown }

/**
 * Reads a subject. What it inherits is refused: leaving out an inherited tenant could lift a deny. Polluting
 * `Object.prototype` gives nobody a tenant or a level.
 */
export function readSubject(subject: AnySubject): SubjectReadings {
  try {
    const { id, tenant, assurance, attributes, roles, ceilings } = subject
    const readings = { id, tenant, assurance, attributes, roles, ceilings }
    return isPlain(subject) ? readings : ownOf(subject, readings)
  } catch {
    throw refusalOf(subject, ['id', 'tenant', 'assurance', 'attributes', 'roles', 'ceilings'], 'subject')
  }
}

const ROOT: Partial<AnySubject> = Object.prototype
const ASSIGNMENT_ROOT: Partial<AssignmentReadings> = Object.prototype

/**
 * Whether whatever can be read of an object is its own, because nothing above it has a property of a subject's: asked
 * once for all six, as a literal and what was parsed are such objects.
 */
function isPlain(subject: object): boolean {
  const above: unknown = Object.getPrototypeOf(subject)
  return above === null || (above === ROOT && isRootBare())
}

function isRootBare(): boolean {
  const { id, tenant, assurance, attributes, roles, ceilings } = ROOT
  const isNobody = id === undefined && tenant === undefined && assurance === undefined
  return isNobody && attributes === undefined && roles === undefined && ceilings === undefined
}

function ownOf(
  subject: object,
  { id, tenant, assurance, attributes, roles, ceilings }: SubjectReadings,
): SubjectReadings {
  return {
    id: ifOwn(subject, 'id', id, 'subject'),
    tenant: ifOwn(subject, 'tenant', tenant, 'subject'),
    assurance: ifOwn(subject, 'assurance', assurance, 'subject'),
    attributes: ifOwn(subject, 'attributes', attributes, 'subject'),
    roles: ifOwn(subject, 'roles', roles, 'subject'),
    ceilings: ifOwn(subject, 'ceilings', ceilings, 'subject'),
  }
}

/** A value that was read, if the property is the holder's own; what `Object.prototype` was given is nobody's. */
export function ifOwn(holder: object, name: string, value: unknown, field: string): unknown {
  if (value === undefined || Object.hasOwn(holder, name)) return value
  if (holderOf(holder, name) === Object.prototype) return undefined
  throw invalid(`${field}.${name}`)
}

/** The refusal of what has a property that is inherited or throws when it is read: it names the first such one. */
function refusalOf<const Name extends string>(
  given: { readonly [name in Name]?: unknown },
  names: readonly Name[],
  field: string,
): RbacError<'COFFER_RBAC_SUBJECT_INVALID'> {
  for (const name of names)
    try {
      ifOwn(given, name, given[name], field)
    } catch {
      return invalid(`${field}.${name}`)
    }
  return invalid(field)
}

function holderOf(subject: object, name: string): object | null {
  let holder: object | null = subject
  while (holder !== null && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder) as object | null
  return holder
}

/** Names the field, never its value. */
export function invalid(field: string): RbacError<'COFFER_RBAC_SUBJECT_INVALID'> {
  return new RbacError('COFFER_RBAC_SUBJECT_INVALID', `${field} is malformed`)
}
