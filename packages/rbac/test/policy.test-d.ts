/** What the compiler refuses. Each line is an error; if one stops being one, this file stops compiling. */
import {
  type AnyPolicy,
  type CheckedPolicy,
  compilePolicy,
  definePolicy,
  type PermissionOf,
  type PolicyDocument,
  type RoleOf,
} from '@coffer/rbac'
import { payment, type payments, policy } from './fixtures.js'

/** A document with one part exchanged: what is right compiles, so the errors below are the ones that are meant. */
const base = {
  policy: 'p',
  version: '1',
  subject: { limit: 'int?', ids: 'id[]', kind: ['a', 'b'], since: 'timestamp?' },
  context: { channel: ['web', 'api'], ip: 'string?' },
  resources: {
    note: {
      actions: ['read', 'write'],
      tenant: 'org',
      attributes: {
        org: 'id',
        owner: 'id',
        size: 'int',
        tag: ['a', 'b'],
        made: 'timestamp',
        open: 'bool?',
        mail: { type: 'string?', mask: 'email' },
      },
    },
    memo: { actions: ['read'], attributes: { owner: 'id', text: 'string' } },
  },
} as const
const one = <const R>(rule: R) => ({ ...base, roles: { r: { permit: [rule] } } }) as const
const when = <const W>(condition: W) => one({ id: 'x', permission: 'note:read', when: condition } as const)
const resource = <const R>(entry: R) => ({ ...base, roles: {}, resources: { n: entry } }) as const
const deny = <const R>(rule: R) => ({ ...base, roles: { r: {} }, deny: [rule] }) as const
const constraint = <const C>(entry: C) => ({ ...base, roles: { r: {}, s: {} }, constraints: [entry] }) as const

// ── right: none of these is an error ──
definePolicy(one('note:*'))
definePolicy(one('*:read'))
definePolicy(one('*'))
definePolicy(
  when({
    all: [
      { 'resource.owner': { eq: '$subject.id' } },
      { not: { any: [{ 'resource.size': { lte: '$subject.limit' } }] } },
    ],
  }),
)
definePolicy(when({ 'resource.owner': { in: '$subject.ids' } }))
definePolicy(when({ 'resource.tag': { eq: '$subject.kind' } }))
definePolicy(when({ 'resource.owner': { eq: '$$literal' } }))
definePolicy(when({ 'resource.made': { lt: '$context.now' } }))
definePolicy(when({ 'resource.tag': { in: ['a'] } }))
definePolicy(when({ 'resource.open': { exists: false } }))
definePolicy(one({ id: 'x', permission: ['note:read', 'memo:read'], when: { 'resource.owner': { eq: 'u' } } }))
definePolicy(deny({ id: 'd', permission: '*', roles: ['r'], when: { 'subject.assurance': { lt: 2 } } }))
definePolicy(constraint({ id: 'c', kind: 'ssd', permissions: ['note:read', 'memo:read'], atMost: 1 }))

definePolicy(resource({ actions: ['a'], tenant: 'org', attributes: { org: 'id' } }))

// ── names ──
// @ts-expect-error a permission that no resource declares
definePolicy(one('note:delete'))
// @ts-expect-error a resource that is not declared
definePolicy(one('nota:read'))
// @ts-expect-error a wildcard over a resource that is not declared
definePolicy(one('nota:*'))
// @ts-expect-error a wildcard over an action that no resource has
definePolicy(one('*:delete'))
// @ts-expect-error a rule on an unknown permission
definePolicy(one({ id: 'x', permission: 'note:delete' }))
// @ts-expect-error one unknown permission in a list
definePolicy(one({ id: 'x', permission: ['note:read', 'note:delete'] }))
// @ts-expect-error a rule without id
definePolicy(one({ permission: 'note:read' }))
// @ts-expect-error a rule without permission
definePolicy(one({ id: 'x' }))
// @ts-expect-error a key that a rule does not have
definePolicy(one({ id: 'x', permission: 'note:read', unless: {} }))
// @ts-expect-error a role that is not declared
definePolicy({ ...base, roles: { r: { inherits: ['ghost'] } } } as const)
// @ts-expect-error a key that a role does not have
definePolicy({ ...base, roles: { r: { permits: ['note:read'] } } } as const)
// @ts-expect-error a scope that there is not
definePolicy({ ...base, roles: { r: { scope: 'global' } } } as const)
// @ts-expect-error a key that a document does not have
definePolicy({ ...base, roles: {}, rules: [] } as const)
// @ts-expect-error no roles
definePolicy(base)
// @ts-expect-error no version
definePolicy({ policy: 'p', resources: base.resources, roles: {} } as const)
// @ts-expect-error a tenant that is no attribute
definePolicy(resource({ actions: ['a'], tenant: 'org', attributes: { owner: 'id' } }))
// @ts-expect-error a tenant that is no id
definePolicy(resource({ actions: ['a'], tenant: 'size', attributes: { size: 'int' } }))
// @ts-expect-error a type that there is not
definePolicy(resource({ actions: ['a'], attributes: { size: 'float' } }))
// @ts-expect-error a list on a resource
definePolicy(resource({ actions: ['a'], attributes: { owners: 'id[]' } }))
// @ts-expect-error a mask that there is not
definePolicy(resource({ actions: ['a'], attributes: { s: { type: 'string', mask: 'first4' } } }))
// @ts-expect-error a resource without actions
definePolicy(resource({ actions: [], attributes: {} }))

// ── conditions ──
// @ts-expect-error an attribute that the resource does not have
definePolicy(when({ 'resource.ownr': { eq: 'u' } }))
// @ts-expect-error an attribute of another resource
definePolicy(when({ 'resource.text': { eq: 'u' } }))
// @ts-expect-error an attribute that only one of two resources has
definePolicy(one({ id: 'x', permission: '*:read', when: { 'resource.size': { eq: 1 } } }))
// @ts-expect-error a subject attribute that is not declared
definePolicy(when({ 'subject.limits': { eq: 1 } }))
// @ts-expect-error a context attribute that is not declared
definePolicy(when({ 'context.time': { eq: 1 } }))
// @ts-expect-error a root that there is not
definePolicy(when({ 'environment.time': { eq: 1 } }))
// @ts-expect-error an int compared with a text
definePolicy(when({ 'resource.size': { eq: '1' } }))
// @ts-expect-error an id compared with a number
definePolicy(when({ 'resource.owner': { eq: 1 } }))
// @ts-expect-error a bool compared with a text
definePolicy(when({ 'resource.open': { eq: 'true' } }))
// @ts-expect-error a timestamp compared with a text
definePolicy(when({ 'resource.made': { lt: '2026-01-01' } }))
// @ts-expect-error a text outside the choice
definePolicy(when({ 'resource.tag': { eq: 'c' } }))
// @ts-expect-error a text outside the choice, in a list
definePolicy(when({ 'resource.tag': { in: ['a', 'c'] } }))
// @ts-expect-error an order on ids
definePolicy(when({ 'resource.owner': { lt: 'u' } }))
// @ts-expect-error an order on a choice
definePolicy(when({ 'resource.tag': { gte: 'a' } }))
// @ts-expect-error an order on bools
definePolicy(when({ 'resource.open': { gt: false } }))
// @ts-expect-error a path that does not exist
definePolicy(when({ 'resource.owner': { eq: '$subject.ident' } }))
// @ts-expect-error a path into another resource's attribute
definePolicy(when({ 'resource.owner': { eq: '$resource.text' } }))
// @ts-expect-error an id compared with an int's path
definePolicy(when({ 'resource.owner': { eq: '$subject.limit' } }))
// @ts-expect-error two choices that are not the same
definePolicy(when({ 'resource.tag': { eq: '$context.channel' } }))
// @ts-expect-error a list of another type
definePolicy(when({ 'resource.size': { in: '$subject.ids' } }))
// @ts-expect-error a list on the left
definePolicy(when({ 'subject.ids': { eq: 'u' } }))
// @ts-expect-error in with a path that is no list
definePolicy(when({ 'resource.owner': { in: '$subject.id' } }))
// @ts-expect-error eq with a path that is a list
definePolicy(when({ 'resource.owner': { eq: '$subject.ids' } }))
// @ts-expect-error exists takes a boolean
definePolicy(when({ 'resource.owner': { exists: 'yes' } }))
// @ts-expect-error an operator that there is not
definePolicy(when({ 'resource.owner': { matches: 'u' } }))
// @ts-expect-error a mistake deep inside
definePolicy(when({ all: [{ any: [{ not: { 'resource.owner': { eq: 1 } } }] }] }))
// @ts-expect-error now compared with an int
definePolicy(when({ 'context.now': { gt: '$subject.limit' } }))

// ── fields, denies, ceilings, constraints ──
// @ts-expect-error a field that the resource does not have
definePolicy(one({ id: 'x', permission: 'note:read', fields: ['text'] }))
// @ts-expect-error a field without a mask among the masked
definePolicy(one({ id: 'x', permission: 'note:read', masked: ['owner'] }))
// @ts-expect-error a field of a deny that the resource does not have
definePolicy(deny({ id: 'd', permission: 'memo:read', fields: ['size'] }))
// @ts-expect-error a deny on an unknown permission
definePolicy(deny({ id: 'd', permission: 'memo:write' }))
// @ts-expect-error a deny bound to an unknown role
definePolicy(deny({ id: 'd', permission: 'memo:read', roles: ['ghost'] }))
// @ts-expect-error a deny without id
definePolicy(deny({ permission: 'memo:read' }))
// @ts-expect-error masked on a deny
definePolicy(deny({ id: 'd', permission: 'note:read', masked: ['mail'], effect: 'deny' }))
// @ts-expect-error a ceiling over an unknown permission
definePolicy({ ...base, roles: {}, ceilings: { free: ['note:delete'] } } as const)
// @ts-expect-error an empty ceiling
definePolicy({ ...base, roles: {}, ceilings: { free: [] } } as const)
// @ts-expect-error a constraint over an unknown role
definePolicy(constraint({ id: 'c', kind: 'ssd', roles: ['r', 'ghost'], atMost: 1 }))
// @ts-expect-error a constraint over an unknown permission
definePolicy(constraint({ id: 'c', kind: 'dsd', permissions: ['note:read', 'note:delete'], atMost: 1 }))
// @ts-expect-error a constraint without a limit
definePolicy(constraint({ id: 'c', kind: 'ssd', roles: ['r', 's'] }))
// @ts-expect-error a cardinality over an unknown role
definePolicy(constraint({ id: 'c', kind: 'cardinality', role: 'ghost', atMost: 1 }))
// @ts-expect-error a kind that there is not
definePolicy(constraint({ id: 'c', kind: 'sod', roles: ['r', 's'], atMost: 1 }))

// ── checks ──
const session = policy.session({ id: 'u', roles: [] })
session.can('payment:read', payment)
session.can('report:read')
session.can('payment:export', payment, { channel: 'web' })
// @ts-expect-error a permission that is not declared
session.can('payment:delete', payment)
// @ts-expect-error without its resource: a rule reads it
session.can('payment:approve')
// @ts-expect-error without its resource: it belongs to a tenant
session.can('payment:create')
// @ts-expect-error without its context: a rule reads it
session.can('payment:export', payment)
// @ts-expect-error a row with an attribute of the wrong type
session.can('payment:read', { ...payment, amount: '50000' })
// @ts-expect-error a row without a required attribute
session.can('payment:read', { tenantId: 't1', createdBy: 'u', amount: 1 })
// @ts-expect-error a row with a text outside the choice
session.can('payment:read', { ...payment, status: 'lost' })
// @ts-expect-error a context with a text outside the choice
session.can('payment:export', payment, { channel: 'fax' })
// @ts-expect-error decide demands the resource too
session.decide('payment:approve')
// @ts-expect-error explain demands the resource too
session.explain('payment:approve')
// @ts-expect-error a filter over an unknown permission
session.where('payment:delete')
// @ts-expect-error a handle of an unknown permission
policy.permission('payment:delete')
// @ts-expect-error a subject attribute of the wrong type
policy.session({ id: 'u', roles: [], attributes: { limit: '1' } })
// @ts-expect-error a subject attribute beside attributes
policy.session({ id: 'u', roles: [], limit: 1 })
// @ts-expect-error a subject without roles
policy.session({ id: 'u' })
// @ts-expect-error a session cannot be changed
session.tenant = 't2'

const masked = session.mask('payment:read', payment)
// @ts-expect-error the row may be denied: undefined has to be handled
masked.amount
const amount: number | bigint | undefined = masked?.amount
const pin: string | null | undefined = masked?.pin
// @ts-expect-error a field that the resource does not have
masked?.secret
// @ts-expect-error fields are those of the resource
const unknownField: 'secret' | undefined = session.fields('payment:read', payment).clear[0]

const required = compilePolicy(definePolicy({ ...base, roles: { r: {} }, ceilings: { free: ['*'] } } as const))
required.session({ id: 'u', roles: [], attributes: { ids: [], kind: 'a' }, ceilings: ['free'] })
// @ts-expect-error attributes are required: one of them is
required.session({ id: 'u', roles: [], ceilings: ['free'] })
// @ts-expect-error a required attribute is missing
required.session({ id: 'u', roles: [], attributes: { ids: [] }, ceilings: ['free'] })
// @ts-expect-error ceilings are required: the policy declares some
required.session({ id: 'u', roles: [], attributes: { ids: [], kind: 'a' } })

// ── inferred names, and the loose form ──
const permission: PermissionOf<typeof payments> = 'payment:read'
const role: RoleOf<typeof payments> = 'maker'
// @ts-expect-error not a role of the document
const notRole: RoleOf<typeof payments> = 'boss'
const any: AnyPolicy = policy
any.session({ id: 'u', roles: ['x'], attributes: { limit: 'unchecked' } }).can('any:thing', {}, {})

export { amount, notRole, permission, pin, role, unknownField }

// ── what the compiler shows of a mistake ──
interface Mistaken extends PolicyDocument {
  readonly resources: { readonly note: { readonly actions: ['read']; readonly attributes: { readonly owner: 'id' } } }
  readonly roles: {
    readonly bare: { readonly permit: ['note:raed']; readonly inherits: ['boss']; readonly grants: [] }
    readonly rule: {
      readonly permit: [
        { id: 'a'; permission: 'note:read'; when: { 'resource.ownr': { eq: 'u' } } },
        { id: 'b'; permission: 'note:read'; when: { 'resource.owner': { lt: 'u' } } },
      ]
    }
  }
}
type Shown = CheckedPolicy<Mistaken>['roles']
type Rules = Shown['rule']['permit']
const shownPermission: Shown['bare']['permit'][0] = { refused: 'no permission note:raed' }
const shownRole: Shown['bare']['inherits'][0] = { refused: 'no role boss' }
const shownKey: Shown['bare']['grants'] = { refused: 'not a key of a role: grants' }
const shownPath: Rules[0]['when']['resource.ownr'] = { refused: 'no attribute resource.ownr' }
const shownOrder: Rules[1]['when']['resource.owner']['lt'] = { refused: 'lt is for int and timestamp' }

export { shownKey, shownOrder, shownPath, shownPermission, shownRole }
