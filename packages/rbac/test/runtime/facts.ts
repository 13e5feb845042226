import { compilePolicy, definePolicy, isRbacError, parsePolicy } from '@coffer/rbac'
import { lintPolicy } from '@coffer/rbac/analysis'
import { createPdp } from '@coffer/rbac/authzen'
import { toPostgres } from '@coffer/rbac/sql'
import { runPolicyTests } from '@coffer/rbac/testing'
import { agrees, formatKeepsHash, namesOfPrototypesPermitNothing, proposalsPermit } from './random-cases.js'

const document = definePolicy({
  policy: 'payments',
  version: '1',
  subject: { limit: 'int?' },
  resources: {
    payment: {
      tenant: 'tenantId',
      actions: ['read', 'approve'],
      attributes: { tenantId: 'id', createdBy: 'id', amount: 'int?', iban: { type: 'string?', mask: 'last4' } },
    },
  },
  roles: {
    viewer: { permit: ['payment:read'] },
    checker: {
      inherits: ['viewer'],
      permit: [
        { id: 'four-eyes', permission: 'payment:approve', when: { 'resource.createdBy': { ne: '$subject.id' } } },
      ],
    },
  },
  deny: [{ id: 'too-much', permission: 'payment:approve', when: { 'resource.amount': { gt: '$subject.limit' } } }],
  tests: [
    {
      name: 'own tenant',
      subject: { id: 'u', tenant: 't1', roles: ['viewer'] },
      permission: 'payment:read',
      resource: { tenantId: 't1' },
      expect: 'permit',
    },
  ],
})
const policy = compilePolicy(document)
const payment = { tenantId: 't1', createdBy: 'u1', amount: 5, iban: 'DE00123456781234' }
const checker = { id: 'u2', tenant: 't1', roles: ['checker'], attributes: { limit: 10 } } as const
const session = policy.session(checker, { now: 0 })

function same(actual: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (left !== right) throw new Error(`${left} is not ${right}`)
}

const reason = (row: object): string => session.decide('payment:approve', row as typeof payment).reason

export const facts: Record<string, () => void | Promise<void>> = {
  'a decision says why': () => {
    same(reason(payment), 'permitted')
    same(reason({ ...payment, amount: 11 }), 'denied')
    same(reason({ ...payment, createdBy: 'u2' }), 'permit-not-met')
    same(policy.session({ id: 'u', roles: [] }).decide('payment:read', payment).reason, 'no-permit')
  },
  'what cannot be evaluated denies: missing, of another type, or throwing': () => {
    same(reason({ ...payment, amount: undefined }), 'deny-unknown')
    same(reason({ ...payment, amount: '5' }), 'deny-unknown')
    same(reason({ ...payment, createdBy: 7 }), 'permit-unknown')
    const throwing = Object.defineProperty({ ...payment }, 'amount', {
      get: () => {
        throw new Error('unreadable')
      },
    })
    same(reason(throwing), 'deny-unknown')
  },
  'a bigint is an int, compared mathematically': () => {
    same(reason({ ...payment, amount: 10n }), 'permitted')
    same(reason({ ...payment, amount: 11n }), 'denied')
  },
  "another tenant's row is not permitted": () => {
    same(session.can('payment:read', payment), true)
    same(session.can('payment:read', { ...payment, tenantId: 't2' }), false)
    same(policy.session({ id: 'u2', roles: ['checker'] }).can('payment:read', payment), false)
  },
  'the hash is SHA-256 of the canonical form, whatever the order of keys': () => {
    const text = '{"version":"1","policy":"p","roles":{},"resources":{"a":{"actions":["b"]}}}'
    const { hash } = compilePolicy({ policy: 'p', version: '1', resources: { a: { actions: ['b'] } }, roles: {} })
    same(/^sha256:[0-9a-f]{64}$/.test(hash), true)
    same(compilePolicy(parsePolicy(text)).hash, hash)
    return digestOf('{"policy":"p","resources":{"a":{"actions":["b"]}},"roles":{},"version":"1"}').then((hex) =>
      same(hash, `sha256:${hex}`),
    )
  },
  'a mask shows the last four code points': () => {
    same(session.mask('payment:read', payment)?.iban, '****1234')
    same(session.fields('payment:read', payment).masked, ['iban'])
    same(session.mask('payment:read', { ...payment, tenantId: 't2' }), undefined)
  },
  'what is left for the rows is SQL with parameters': () => {
    const { text, values } = toPostgres(session.where('payment:read'), { alias: 'p' })
    same([text, values], ['(p."tenantId" = $1::text)', ['t1']])
  },
  'why-not names the smallest change': () => {
    const { whyNot, complete } = policy
      .session({ ...checker, roles: ['viewer'] }, { now: 0 })
      .explain('payment:approve', payment)
    same([whyNot, complete], [[[{ kind: 'assign', role: 'checker' }]], true])
  },
  'an expired session stays expired when the clock is set back': () => {
    const clock = { time: 0, now: () => clock.time }
    const timed = compilePolicy(document, { clock })
    const roles = [{ role: 'viewer', expiresAt: 10 }]
    const short = timed.session({ id: 'u', tenant: 't1', roles })
    same(short.can('payment:read', payment), true)
    clock.time = 10
    same(short.can('payment:read', payment), false)
    clock.time = 0
    same(short.can('payment:read', payment), false)
  },
  'a duplicate key and a malformed subject are refused by code': () => {
    same(
      codeOf(() => parsePolicy('{"deny":[],"deny":[]}')),
      'COFFER_RBAC_POLICY_INVALID',
    )
    same(
      codeOf(() => policy.session({ id: '', roles: [] })),
      'COFFER_RBAC_SUBJECT_INVALID',
    )
  },
  'the tests of a document run, and lint reads it': () => {
    same(runPolicyTests(policy).passed, 1)
    same(
      lintPolicy(policy).some(({ rule }) => rule === 'untested-rule'),
      true,
    )
  },
  'AuthZEN answers over Request and Response': async () => {
    const pdp = createPdp(policy, { subject: () => checker })
    const body = JSON.stringify({
      subject: { type: 'user', id: 'u2' },
      action: { name: 'approve' },
      resource: { type: 'payment', id: '1', properties: payment },
    })
    const headers = { 'content-type': 'application/json' }
    const request = new Request('https://pdp.example/access/v1/evaluation', { method: 'POST', headers, body })
    const response = await pdp.handle(request)
    same([response.status, await response.json()], [200, { decision: true }])
  },
  'the engine and the plain interpreter agree on 2,000 random triples': () => agrees(2000),
  'every proposal of why-not, applied, permits': () => proposalsPermit(100),
  'layout changes no hash': () => formatKeepsHash(50),
  'no name of a prototype and no inherited tenant permits': namesOfPrototypesPermitNothing,
}

async function digestOf(text: string): Promise<string> {
  const digest = await globalThis.crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

function codeOf(run: () => unknown): unknown {
  try {
    run()
    return 'accepted'
  } catch (error) {
    return isRbacError(error) ? error.code : 'another error'
  }
}
