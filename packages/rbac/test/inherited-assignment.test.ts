import { compilePolicy, isRbacError, type PolicyDocument } from '@coffer/rbac'
import { diffPolicies } from '@coffer/rbac/analysis'
import { afterEach, describe, expect, it } from 'vitest'
import { minimal } from './fixtures.js'

const compiled = compilePolicy(minimal as PolicyDocument)
const refusalOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return isRbacError(error) ? [error.code, error.message, error.cause] : error
  }
}
const refused = (field: string): unknown => ['COFFER_RBAC_SUBJECT_INVALID', `${field} is malformed`, undefined]

/** Has its role, and the rest from its class, as a record of an object mapper has it. */
class Grant {
  readonly role: string
  constructor(role: string) {
    this.role = role
  }
  get tenant(): string {
    return 't1'
  }
  get expiresAt(): number {
    return 10
  }
}

const PROPERTIES = ['role', 'tenant', 'notBefore', 'expiresAt'] as const
const whole = { role: 'reader', tenant: 't1', notBefore: 0, expiresAt: 10 }

describe('an assignment of which a property is inherited', () => {
  afterEach(() => {
    for (const name of PROPERTIES) Reflect.deleteProperty(Object.prototype, name)
  })

  it('grants neither in another tenant nor past its end: it is refused, in a session and in a review', () => {
    const roles = [new Grant('reader')]
    for (const tenant of ['t1', 't2', undefined])
      for (const now of [9, 10]) {
        const who = { id: 'u', roles, ...(tenant !== undefined && { tenant }) }
        expect(refusalOf(() => compiled.session(who, { now }))).toEqual(refused('subject.roles[0].tenant'))
      }
    expect(refusalOf(() => compiled.checkAssignments([{ subject: 'u', roles }]))).toEqual(
      refused('subjects[0].roles[0].tenant'),
    )
  })

  it.each(PROPERTIES)(
    'is refused where it is %s, or where reading that throws, and shows nothing of the fault',
    (name) => {
      const { [name]: value, ...own } = whole
      const inherited = Object.assign(Object.create({ [name]: value }) as object, own)
      const fault = (): never => {
        throw new Error('canary')
      }
      const broken = Object.defineProperty({ ...own }, name, { get: fault, enumerable: true })
      for (const entry of [inherited, broken, new Proxy(inherited, {})])
        expect(refusalOf(() => compiled.session({ id: 'u', roles: ['reader', entry] } as never))).toEqual(
          refused(`subject.roles[1].${name}`),
        )
    },
  )

  it('is taken where all are its own, whatever stands above them', () => {
    const bare = Object.assign(Object.create(null) as object, whole)
    const decorated = Object.assign(Object.create({ note: 'no name of an assignment' }) as object, whole)
    for (const entry of [whole, bare, decorated, JSON.parse(JSON.stringify(whole)), new Proxy(whole, {})]) {
      const permits = (tenant: string, now: number): boolean =>
        compiled.session({ id: 'u', tenant, roles: [entry] } as never, { now }).can('note:read')
      expect([permits('t1', 0), permits('t1', 9), permits('t1', 10), permits('t2', 0)]).toEqual([
        true,
        true,
        false,
        false,
      ])
    }
  })

  it('takes nothing from a polluted Object.prototype', () => {
    Object.assign(Object.prototype, { tenant: 't9', notBefore: 50, expiresAt: 60 })
    const session = compiled.session({ id: 'u', roles: [{ role: 'reader' }] }, { now: 5 })
    expect([session.can('note:read'), session.validUntil, session.tenant]).toEqual([true, null, undefined])
    Object.assign(Object.prototype, { role: 'reader' })
    expect(refusalOf(() => compiled.session({ id: 'u', roles: [{}] } as never))).toEqual(
      refused('subject.roles[0].role'),
    )
  })
})

describe('the tenant of a list of assignments', () => {
  const inheriting = Object.assign(Object.create({ tenant: 't1' }) as object, { subject: 'u', roles: ['reader'] })
  const throwing = {
    subject: 'u',
    roles: ['reader'],
    get tenant(): string {
      throw new Error('canary')
    },
  }

  it.each([
    ['inherited', inheriting],
    ['unreadable', throwing],
  ])('is refused where it is %s, so that no role counts in more tenants than it is held in', (_name, entry) => {
    const list = [{ subject: 'v', roles: [] }, entry] as never
    expect(refusalOf(() => compiled.checkAssignments(list))).toEqual(refused('subjects[1].tenant'))
    expect(refusalOf(() => diffPolicies(compiled, compiled, { assignments: list }))).toEqual(
      refused('subjects[1].tenant'),
    )
  })
})
