import { ASSURANCE_SLOT } from './compile.js'
import type { AnySubject, Assignment, DecisionRequest } from './document.js'
import type { Resource } from './model.js'
import { rolesWalked } from './role-set-cache.js'
import type { SessionState } from './session.js'
import type { Held } from './subject.js'
import { ILL_TYPED, MISSING, own, UNREADABLE } from './value.js'
import type { Denied } from './why-not.js'

/** The request that a session denied, put together again from what the session copied; `null` where the row cannot be read. */
export function deniedRequest(
  state: SessionState,
  permission: number,
  resource: unknown,
  context: unknown,
): Denied | null {
  const { policy, roleSet, extras } = state
  const { compiled, vocabulary } = policy
  const type = vocabulary.resources[permission]
  const who = subjectOf(state)
  const row = type === undefined ? null : readable(resource, attributeNames(type))
  const surroundings = readable(context, compiled.model.context.keys())
  if (who === null || row === null || surroundings === null) return null
  const name = vocabulary.names[permission] ?? ''
  const { activeRoles } = extras
  const request: DecisionRequest = {
    subject: who,
    permission: name,
    resource: row,
    context: surroundings,
    now: state.now,
    ...(activeRoles !== undefined && { activeRoles }),
  }
  return {
    compiled,
    permission,
    request,
    subject: state,
    active: new Set(roleSet.activeClosure),
    assigned: new Set(roleSet.assignedClosure),
    own: new Set(rolesWalked(state.node).flatMap((role) => compiled.hierarchy.id(role) ?? [])),
    isBound: (role) => roleSet.isBound(role),
    upcoming: extras.upcoming,
    permits: (changed) => permits(state, changed),
  }
}

/** A changed request may activate what is not assigned: that is no permit. */
function permits(state: SessionState, request: DecisionRequest): boolean {
  const { subject, activeRoles, now = state.now } = request
  try {
    const session = state.policy.owner.session(subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
    return session.can(request.permission, request.resource, request.context)
  } catch {
    return false
  }
}

/** `null` where an attribute could not be read: started again, the session might read it. */
function subjectOf(state: SessionState): AnySubject | null {
  const { values, tenant, node, subjectId, policy } = state
  const { illTyped, ceilings, upcoming } = state.extras
  const names = [...policy.compiled.model.subject.keys()]
  const attributes: Record<string, unknown> = {}
  for (let slot = ASSURANCE_SLOT + 1; slot < names.length; slot++) {
    const value = values[slot] ?? MISSING
    const name = names[slot] ?? ''
    if (value === UNREADABLE) return null
    // A change of another attribute may refer to what is ill-typed.
    if (value !== MISSING) attributes[name] = value === ILL_TYPED ? illTyped?.get(name) : value
  }
  const assurance = values[ASSURANCE_SLOT]
  return {
    id: subjectId,
    roles: [...rolesWalked(node), ...upcoming.map(assignmentOf)],
    attributes,
    ...(tenant !== undefined && { tenant }),
    ...(typeof assurance === 'number' && { assurance }),
    ...(ceilings !== undefined && { ceilings }),
  }
}

function assignmentOf({ role, tenant, notBefore, expiresAt }: Held): Assignment {
  return {
    role,
    notBefore,
    ...(tenant !== undefined && { tenant }),
    ...(Number.isFinite(expiresAt) && { expiresAt }),
  }
}

function attributeNames(resource: Resource): Iterable<string> {
  return resource.attributes.keys()
}

/** The declared attributes of a row, copied; `null` if one of them throws when it is read. */
function readable(holder: unknown, names: Iterable<string>): Readonly<Record<string, unknown>> | null {
  const copy: Record<string, unknown> = {}
  for (const name of names) {
    const value = own(holder, name)
    if (value === UNREADABLE) return null
    if (value !== undefined) copy[name] = value
  }
  return copy
}
