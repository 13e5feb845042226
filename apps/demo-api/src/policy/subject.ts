import type { AnySubject, Explanation } from '@coffer/rbac'
import type { SubjectState, TenantState } from '../auth/subject-rows.js'
import { formatId } from '../http/identifier.js'
import type { PolicySession } from '../http/request-context.js'
import type { FinCodePolicy } from './policy.js'

type PermissionName = `${string}:${string}`

/** A policy session as guards and routes use it. */
export interface SubjectSession extends PolicySession {
  /** Roles that count now. */
  readonly roles: readonly string[]
  /** IDs of the separation-of-duties constraints that the roles break; while there is one, everything is denied. */
  readonly violations: readonly string[]
  /** The decision with every rule that bears on it. Shows roles and rules, so it is for those with `policy:explain`. */
  explain(permission: string, resource?: object): Explanation
}

/** The wire ID of a subject. */
export function subjectId({ kind, id }: Pick<SubjectState, 'kind' | 'id'>): string {
  return formatId(kind === 'user' ? 'usr' : 'tok', id)
}

/** A subject as the policy sees it. */
export function subjectOf(tenant: TenantState, subject: SubjectState): AnySubject {
  return {
    id: subjectId(subject),
    tenant: tenant.id,
    roles: subject.roles,
    attributes: {
      person: subject.person,
      tenantStatus: tenant.status,
      ...(subject.kind === 'user' ? { user: subject.id } : {}),
    },
  }
}

/** A subject's session: a snapshot of its roles, good for one request. */
export function openSession(policy: FinCodePolicy, tenant: TenantState, subject: SubjectState): SubjectSession {
  const session = policy.session(subjectOf(tenant, subject))
  return {
    roles: session.activeRoles,
    violations: session.violations.map(({ constraint }) => constraint),
    // A name that is no permission is denied as unknown, so its form need not be checked here.
    decide: (permission, resource) => session.decide(permission as PermissionName, resource),
    explain: (permission, resource) => session.explain(permission as PermissionName, resource),
    fields: (permission, resource) => session.fields(permission as PermissionName, resource),
    mask: (permission, resource) => session.mask(permission as PermissionName, resource),
    where: (permission) => session.where(permission as PermissionName),
  }
}
