import { compilePolicy, definePolicy, type Policy, type PolicyDocument } from '@coffer/rbac'

const everyWrite = [
  'user:disable',
  'network:update',
  'assignment:create',
  'assignment:delete',
  'customer:create',
  'customer:update',
  'card:create',
  'payment:create',
  'payment:approve',
  'payment:reject',
  'card:reveal',
  'key:rotate',
] as const

/** Columns of most tables: what a list filters by, and what a decision on one row reads. */
const tenantId = { type: 'id', column: 'tenant_id', columnType: 'uuid' } as const
const id = { type: 'id', columnType: 'uuid' } as const
/** The wire ID of who made the row, as `$subject.id` has it. */
const createdBy = { type: 'id', column: 'created_by' } as const

/** What is shown of a customer to everyone who may read one. */
const customerFacts = ['id', 'tenantId', 'status'] as const

/**
 * The whole of what anyone may do. Deny overrides; what cannot be evaluated denies. It names exactly the permissions
 * that routes ask for: the API refuses to start on one that no route uses.
 */
export const document = definePolicy({
  policy: 'fincode',
  version: '2026-11-23.1',
  // `user` is the UUID of a user; an API token has none.
  subject: { person: 'id', user: 'id?', tenantStatus: ['active', 'suspended'] },
  resources: {
    tenant: { tenant: 'tenantId', actions: ['read'], attributes: { tenantId: 'id' } },
    network: { tenant: 'tenantId', actions: ['read', 'update'], attributes: { tenantId: 'id' } },
    user: {
      tenant: 'tenantId',
      actions: ['read', 'disable'],
      attributes: { tenantId, id, isOwner: 'bool' },
    },
    role: { actions: ['read'] },
    assignment: {
      tenant: 'tenantId',
      actions: ['read', 'create', 'delete'],
      attributes: {
        tenantId,
        userId: { type: 'id', column: 'user_id', columnType: 'uuid' },
        role: ['owner', 'admin', 'maker', 'checker', 'support', 'auditor'],
        holderIsOwner: 'bool',
      },
    },
    audit: { actions: ['read'] },
    key: { actions: ['read', 'rotate'] },
    policy: { actions: ['read', 'explain', 'evaluate'] },
    customer: {
      tenant: 'tenantId',
      actions: ['create', 'read', 'update'],
      attributes: {
        id,
        tenantId,
        status: ['active', 'restricted'],
        createdBy,
        name: { type: 'string', mask: 'redact' },
        email: { type: 'string?', mask: 'email' },
        phone: { type: 'string?', mask: 'last4' },
        address: { type: 'string?', mask: 'redact' },
        dateOfBirth: { type: 'string?', mask: 'redact' },
        nationalId: { type: 'string?', mask: 'last4' },
      },
    },
    card: {
      tenant: 'tenantId',
      actions: ['create', 'read', 'reveal'],
      attributes: { tenantId, createdBy, customerStatus: ['active', 'restricted'] },
    },
    payment: {
      tenant: 'tenantId',
      actions: ['create', 'read', 'approve', 'reject'],
      attributes: {
        tenantId,
        status: ['requires_approval', 'succeeded', 'rejected', 'canceled'],
        requestedByPerson: { type: 'id', column: 'requested_by_person', columnType: 'uuid' },
        customerStatus: ['active', 'restricted'],
      },
    },
  },
  roles: {
    owner: {
      permit: [
        'tenant:read',
        'network:*',
        'user:*',
        'role:read',
        'assignment:*',
        'policy:*',
        'audit:read',
        'key:*',
        'card:read',
        'card:reveal',
        'payment:read',
        {
          id: 'owner-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name'],
          masked: ['email', 'phone', 'address', 'dateOfBirth', 'nationalId'],
        },
      ],
    },
    admin: {
      permit: [
        'tenant:read',
        'network:*',
        'user:read',
        'role:read',
        'assignment:read',
        'policy:*',
        'card:read',
        'payment:read',
        {
          id: 'admin-may-assign',
          permission: ['assignment:create', 'assignment:delete'],
          when: {
            all: [
              { 'resource.role': { in: ['maker', 'checker', 'support'] } },
              { 'resource.holderIsOwner': { eq: false } },
            ],
          },
        },
        { id: 'admin-may-disable', permission: 'user:disable', when: { 'resource.isOwner': { eq: false } } },
        {
          id: 'admin-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name'],
          masked: ['email', 'phone', 'address', 'dateOfBirth', 'nationalId'],
        },
      ],
    },
    maker: {
      permit: [
        'tenant:read',
        'role:read',
        'customer:create',
        'customer:update',
        'card:create',
        'card:read',
        'payment:create',
        'payment:read',
        {
          id: 'maker-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name', 'email', 'phone', 'address'],
          masked: ['dateOfBirth', 'nationalId'],
        },
      ],
    },
    checker: {
      permit: [
        'tenant:read',
        'role:read',
        'card:read',
        'payment:read',
        'payment:approve',
        'payment:reject',
        {
          id: 'checker-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name'],
          masked: ['email', 'phone', 'address'],
        },
      ],
    },
    support: {
      permit: [
        'tenant:read',
        'user:read',
        'role:read',
        'customer:update',
        'card:read',
        'payment:read',
        {
          id: 'support-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name', 'email', 'phone', 'address'],
        },
      ],
    },
    auditor: {
      permit: [
        'tenant:read',
        'network:read',
        'user:read',
        'role:read',
        'assignment:read',
        'policy:*',
        'audit:read',
        'key:read',
        'card:read',
        'payment:read',
        {
          id: 'auditor-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts],
          masked: ['name', 'email', 'phone', 'address', 'dateOfBirth', 'nationalId'],
        },
      ],
    },
    integration: {
      description: 'API tokens only; bounded by the scopes of the token',
      permit: [
        'tenant:read',
        'policy:evaluate',
        'customer:create',
        'customer:update',
        'card:create',
        'card:read',
        'payment:create',
        'payment:read',
        {
          id: 'integration-sees-customer',
          permission: 'customer:read',
          fields: [...customerFacts, 'name', 'email', 'phone', 'address'],
          masked: ['dateOfBirth', 'nationalId'],
        },
      ],
    },
  },
  deny: [
    {
      id: 'four-eyes',
      permission: ['payment:approve', 'payment:reject'],
      when: { 'resource.requestedByPerson': { eq: '$subject.person' } },
    },
    { id: 'suspended', permission: everyWrite, when: { 'subject.tenantStatus': { ne: 'active' } } },
    {
      id: 'restricted',
      permission: ['payment:create', 'card:create'],
      when: { 'resource.customerStatus': { ne: 'active' } },
    },
    {
      id: 'own-assignment',
      permission: ['assignment:create', 'assignment:delete'],
      when: { 'resource.userId': { eq: '$subject.user' } },
    },
    { id: 'own-account', permission: 'user:disable', when: { 'resource.id': { eq: '$subject.user' } } },
  ],
  constraints: [
    { id: 'one-duty', kind: 'ssd', roles: ['maker', 'checker', 'auditor'], atMost: 1 },
    { id: 'owner-makes-nothing', kind: 'ssd', roles: ['owner', 'maker'], atMost: 1 },
    { id: 'owner-checks-nothing', kind: 'ssd', roles: ['owner', 'checker'], atMost: 1 },
  ],
})

/** The policy as guards ask it: any permission, any row. The literal above is checked by its own types. */
export type FinCodePolicy = Policy<PolicyDocument>

/** Compiles a document once, at start. Throws every mistake of it at once. */
export function createPolicy(policy: PolicyDocument, clock: { now(): number }): FinCodePolicy {
  return compilePolicy<PolicyDocument>(policy, { clock })
}
