import { compilePolicy, definePolicy, type PolicyDocument, PolicyError, type PolicyIssue } from '@coffer/rbac'

/** A small payments policy with everything in it that a bank would ask for. */
export const payments = definePolicy({
  policy: 'payments',
  version: '1',
  subject: { limit: 'int?', branches: 'id[]?' },
  context: { channel: ['web', 'api', '?'] },
  resources: {
    payment: {
      tenant: 'tenantId',
      actions: ['create', 'read', 'approve', 'export'],
      attributes: {
        tenantId: 'id',
        createdBy: 'id',
        amount: 'int',
        status: ['draft', 'sent'],
        note: 'string?',
        dueAt: 'timestamp?',
        iban: { type: 'string?', mask: 'last4' },
        pan: { type: 'string?', mask: 'bin6last4' },
        email: { type: 'string?', mask: 'email' },
        pin: { type: 'string?', mask: 'redact' },
      },
    },
    report: { actions: ['read'], attributes: { title: 'string' } },
  },
  roles: {
    viewer: { permit: ['payment:read'] },
    maker: { inherits: ['viewer'], permit: ['payment:create'] },
    checker: {
      inherits: ['viewer'],
      permit: [
        {
          id: 'four-eyes',
          permission: 'payment:approve',
          when: {
            all: [{ 'resource.createdBy': { ne: '$subject.id' } }, { 'resource.amount': { lte: '$subject.limit' } }],
          },
        },
      ],
    },
    auditor: {
      permit: [{ id: 'audit-view', permission: 'payment:read', fields: ['*', 'iban'], masked: ['pan'] }, 'report:read'],
    },
    operator: { scope: 'platform', inherits: ['viewer'], permit: ['payment:export'] },
    branch: {
      permit: [
        {
          id: 'own-branch',
          permission: 'payment:export',
          when: { all: [{ 'resource.createdBy': { in: '$subject.branches' } }, { 'context.channel': { eq: 'web' } }] },
        },
      ],
    },
  },
  deny: [
    { id: 'step-up', permission: 'payment:approve', when: { 'subject.assurance': { lt: 2 } } },
    { id: 'no-notes', permission: '*:read', roles: ['maker'], when: { 'subject.assurance': { lt: 1 } } },
    { id: 'hide-pin', permission: 'payment:read', fields: ['pin'] },
  ],
  constraints: [
    { id: 'sod', kind: 'ssd', roles: ['maker', 'checker'], atMost: 1 },
    { id: 'one-auditor', kind: 'cardinality', role: 'auditor', atMost: 1 },
  ],
})

export const policy = compilePolicy(payments)

export const payment = {
  tenantId: 't1',
  createdBy: 'maker-1',
  amount: 50_000,
  status: 'sent',
  iban: 'DE00123456781234',
  pan: '4111111111111111',
  email: 'ada@example.com',
  pin: '1234',
} as const

/** The smallest valid document, to break in one place. */
export const minimal: PolicyDocument = {
  policy: 'minimal',
  version: '1',
  resources: { note: { actions: ['read', 'write'], attributes: { owner: 'id', size: 'int', tag: ['a', 'b'] } } },
  roles: { reader: { permit: ['note:read'] } },
}

/** The issues of a document that is handed over as data of any shape. */
export function issuesOf(document: unknown): readonly PolicyIssue[] {
  try {
    // Whatever a caller without types could hand over.
    compilePolicy(document as PolicyDocument)
  } catch (error) {
    if (error instanceof PolicyError) return error.issues
    throw error
  }
  return []
}

/** A random document may have a role that breaks one of its own constraints: that one compiles to nothing. */
export function compiledOrNone(document: PolicyDocument) {
  try {
    return compilePolicy(document)
  } catch (error) {
    if (error instanceof PolicyError && error.issues.every((issue) => issue.code === 'constraint-unsatisfiable'))
      return undefined
    throw error
  }
}

/** Yields now and then: a worker that never does is taken for dead. */
export async function breathe(round: number): Promise<void> {
  if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
}
