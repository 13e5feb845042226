import type { Call, Role } from '../api.js'

/** Who may do what, written by hand from the table of routes and the matrix of permissions: never derived from the policy. */
export interface Operation {
  readonly name: string
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT'
  readonly path: (id: string) => string
  readonly permission: string | 'self'
  readonly who: readonly Role[]
  /** What the path names; `none`: no object. */
  readonly object: 'assignment' | 'card' | 'customer' | 'none' | 'payment' | 'user'
  /** Statuses that show that the caller was let through on an own object. */
  readonly passes: readonly number[]
  readonly call?: (own: OwnObjects) => Call
  /** Ends the object it names, so the grid leaves the caller's own ones alone; a test of its own does it. */
  readonly ends?: true
}

export interface OwnObjects {
  readonly customer: string
  readonly card: string
  readonly payment: string
  readonly user: string
  readonly assignment: string
}

const everyone: readonly Role[] = ['owner', 'admin', 'maker', 'checker', 'support', 'auditor', 'integration']
const people: readonly Role[] = everyone.filter((role) => role !== 'integration')
const overseers: readonly Role[] = ['owner', 'admin', 'auditor']
const managers: readonly Role[] = ['owner', 'admin']
const auditors: readonly Role[] = ['owner', 'auditor']
const makers: readonly Role[] = ['maker', 'integration']

const evaluation = (user: string, payment: string) => ({
  subject: { type: 'user', id: user },
  action: { name: 'approve' },
  resource: { type: 'payment', id: payment },
})

const keyed = (call: Call): Call => ({ ...call, key: crypto.randomUUID() })

export const operations: readonly Operation[] = [
  { name: 'me', method: 'GET', path: () => '/v1/me', permission: 'self', who: everyone, object: 'none', passes: [200] },
  {
    name: 'tenant',
    method: 'GET',
    path: () => '/v1/tenant',
    permission: 'tenant:read',
    who: everyone,
    object: 'none',
    passes: [200],
  },
  {
    name: 'networks',
    method: 'GET',
    path: () => '/v1/tenant/network',
    permission: 'network:read',
    who: overseers,
    object: 'none',
    passes: [200],
  },
  {
    name: 'network test',
    method: 'POST',
    path: () => '/v1/tenant/network/test',
    permission: 'network:read',
    who: overseers,
    object: 'none',
    passes: [200],
    call: () => ({ body: { address: '203.0.113.9' } }),
  },
  {
    name: 'network update',
    method: 'PUT',
    path: () => '/v1/tenant/network',
    permission: 'network:update',
    who: managers,
    object: 'none',
    passes: [200],
    call: () => ({ body: { rules: [{ cidr: '127.0.0.0/8' }], dry_run: true } }),
  },
  {
    name: 'users',
    method: 'GET',
    path: () => '/v1/users',
    permission: 'user:read',
    who: [...overseers, 'support'],
    object: 'none',
    passes: [200],
  },
  {
    name: 'user',
    method: 'GET',
    path: (id) => `/v1/users/${id}`,
    permission: 'user:read',
    who: [...overseers, 'support'],
    object: 'user',
    passes: [200],
  },
  {
    name: 'user disable',
    method: 'POST',
    path: (id) => `/v1/users/${id}/disable`,
    permission: 'user:disable',
    who: managers,
    object: 'user',
    passes: [200],
    ends: true,
  },
  {
    name: 'roles',
    method: 'GET',
    path: () => '/v1/roles',
    permission: 'role:read',
    who: people,
    object: 'none',
    passes: [200],
  },
  {
    name: 'assignments',
    method: 'GET',
    path: () => '/v1/assignments',
    permission: 'assignment:read',
    who: overseers,
    object: 'none',
    passes: [200],
  },
  {
    name: 'assignment create',
    method: 'POST',
    path: () => '/v1/assignments',
    permission: 'assignment:create',
    who: managers,
    object: 'none',
    // The user holds the role already, which is seen after the decision.
    passes: [409],
    call: ({ user }) => ({ body: { user, role: 'support' } }),
  },
  {
    name: 'assignment delete',
    method: 'DELETE',
    path: (id) => `/v1/assignments/${id}`,
    permission: 'assignment:delete',
    who: managers,
    object: 'assignment',
    passes: [200],
    ends: true,
  },
  {
    name: 'policy',
    method: 'GET',
    path: () => '/v1/policy',
    permission: 'policy:read',
    who: overseers,
    object: 'none',
    passes: [200],
  },
  {
    name: 'explain',
    method: 'POST',
    path: () => '/v1/policy/explain',
    permission: 'policy:explain',
    who: overseers,
    object: 'none',
    passes: [200],
    call: ({ user, payment }) => ({ body: { subject: user, permission: 'payment:approve', resource: payment } }),
  },
  {
    name: 'evaluation',
    method: 'POST',
    path: () => '/access/v1/evaluation',
    permission: 'policy:evaluate',
    who: overseers,
    object: 'none',
    passes: [200],
    call: ({ user, payment }) => ({ body: evaluation(user, payment) }),
  },
  {
    name: 'evaluations',
    method: 'POST',
    path: () => '/access/v1/evaluations',
    permission: 'policy:evaluate',
    who: overseers,
    object: 'none',
    passes: [200],
    call: ({ user, payment }) => ({ body: { evaluations: [evaluation(user, payment)] } }),
  },
  {
    name: 'customers',
    method: 'GET',
    path: () => '/v1/customers',
    permission: 'customer:read',
    who: everyone,
    object: 'none',
    passes: [200],
  },
  {
    name: 'customer search',
    method: 'POST',
    path: () => '/v1/customers/search',
    permission: 'customer:read',
    who: everyone,
    object: 'none',
    passes: [200],
    call: () => ({ body: { email: 'nobody@example.com' } }),
  },
  {
    name: 'customer',
    method: 'GET',
    path: (id) => `/v1/customers/${id}`,
    permission: 'customer:read',
    who: everyone,
    object: 'customer',
    passes: [200],
  },
  {
    name: 'customer create',
    method: 'POST',
    path: () => '/v1/customers',
    permission: 'customer:create',
    who: makers,
    object: 'none',
    passes: [201],
    call: () => keyed({ body: { name: 'Grid Person' } }),
  },
  {
    name: 'customer update',
    method: 'PATCH',
    path: (id) => `/v1/customers/${id}`,
    permission: 'customer:update',
    who: [...makers, 'support'],
    object: 'customer',
    passes: [200],
    call: () => ({ body: { name: 'Grid Renamed' } }),
  },
  {
    name: 'cards',
    method: 'GET',
    path: (id) => `/v1/customers/${id}/cards`,
    permission: 'card:read',
    who: everyone,
    object: 'customer',
    passes: [200],
  },
  {
    name: 'card',
    method: 'GET',
    path: (id) => `/v1/cards/${id}`,
    permission: 'card:read',
    who: everyone,
    object: 'card',
    passes: [200],
  },
  {
    name: 'card create',
    method: 'POST',
    path: (id) => `/v1/customers/${id}/cards`,
    permission: 'card:create',
    who: makers,
    object: 'customer',
    passes: [201],
    call: () =>
      keyed({ body: { number: '4242424242424242', exp_month: 12, exp_year: 2030, cardholder_name: 'G Person' } }),
  },
  {
    name: 'card search',
    method: 'POST',
    path: () => '/v1/cards/search',
    permission: 'card:read',
    who: everyone,
    object: 'none',
    passes: [200],
    call: () => ({ body: { number: '4242424242424242' } }),
  },
  {
    name: 'card reveal',
    method: 'POST',
    path: (id) => `/v1/cards/${id}/reveal`,
    permission: 'card:reveal',
    who: ['owner'],
    object: 'card',
    passes: [200],
    call: () => ({ body: { reason: 'chargeback' } }),
  },
  {
    name: 'keys',
    method: 'GET',
    path: () => '/v1/keys',
    permission: 'key:read',
    who: auditors,
    object: 'none',
    passes: [200],
  },
  {
    name: 'key rotate',
    method: 'POST',
    path: () => '/v1/keys/rotate',
    permission: 'key:rotate',
    who: ['owner'],
    object: 'none',
    passes: [200, 201],
  },
  {
    name: 'openings',
    method: 'GET',
    path: () => '/v1/audit/openings',
    permission: 'audit:read',
    who: auditors,
    object: 'none',
    passes: [200],
  },
  {
    name: 'payments',
    method: 'GET',
    path: () => '/v1/payments',
    permission: 'payment:read',
    who: everyone,
    object: 'none',
    passes: [200],
  },
  {
    name: 'payment',
    method: 'GET',
    path: (id) => `/v1/payments/${id}`,
    permission: 'payment:read',
    who: everyone,
    object: 'payment',
    passes: [200],
  },
  {
    name: 'payment create',
    method: 'POST',
    path: () => '/v1/payments',
    permission: 'payment:create',
    who: makers,
    object: 'none',
    passes: [201],
    call: ({ customer, card }) => keyed({ body: { customer, card, amount: 100, currency: 'NGN' } }),
  },
  {
    name: 'payment approve',
    method: 'POST',
    path: (id) => `/v1/payments/${id}/approve`,
    permission: 'payment:approve',
    who: ['checker'],
    object: 'payment',
    passes: [200, 409],
    call: () => keyed({}),
  },
  {
    name: 'payment reject',
    method: 'POST',
    path: (id) => `/v1/payments/${id}/reject`,
    permission: 'payment:reject',
    who: ['checker'],
    object: 'payment',
    passes: [200, 409],
    call: () => keyed({}),
  },
]
