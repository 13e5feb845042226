/** The core suite in small: what the large counts hold on Node, on whatever runs this. */
import type { PolicyDocument } from '@coffer/rbac'
import { compilePolicy, isRbacError } from '@coffer/rbac'
import { formatPolicy } from '@coffer/rbac/analysis'
import { applyChanges } from '@coffer/rbac/testing'
import { compiledOrNone, minimal } from '../fixtures.js'
import { anyPermission, context, document, INSTANTS, Random, resource, subject } from '../generate.js'
import { reference } from '../reference.js'

const SEED = 20_261_123

function fail(seed: number, what: string): never {
  throw new Error(`${what} (seed ${seed})`)
}

/** The engine against the plain interpreter, in decision, reason, rule and fields. */
export function agrees(triples: number): void {
  for (let round = 0, seen = 0; seen < triples; round++) {
    const random = new Random(SEED + round)
    const source = document(random)
    const policy = compiledOrNone(source)
    if (policy === undefined) continue
    for (let turn = 0; turn < 24; turn++, seen++) {
      const question = {
        subject: subject(random, source),
        permission: anyPermission(random),
        resource: resource(random),
        context: context(random),
        now: random.pick(INSTANTS),
      }
      const { permission, resource: row, context: surroundings, now } = question
      const session = policy.session(question.subject, { now })
      const { decision, reason, ruleId } = session.decide(permission as never, row, surroundings)
      const fields = session.fields(permission as never, row, surroundings)
      const actual = { decision, reason, ruleId, clear: [...fields.clear], masked: [...fields.masked] }
      if (JSON.stringify(actual) !== JSON.stringify(reference(source, question))) fail(SEED + round, 'they differ')
      if (session.can(permission as never, row, surroundings) !== (decision === 'permit'))
        fail(SEED + round, 'can and decide differ')
    }
  }
}

/** Every set that why-not proposes, applied. */
export function proposalsPermit(denials: number): void {
  let proposed = 0
  for (let round = 0, seen = 0; seen < denials; round++) {
    const random = new Random(SEED + round)
    const source = document(random)
    const policy = compiledOrNone(source)
    if (policy === undefined) continue
    const who = subject(random, source)
    const request = {
      subject: who,
      permission: anyPermission(random),
      resource: resource(random),
      context: context(random),
    }
    const now = random.pick(INSTANTS)
    const { whyNot } = policy
      .session(who, { now })
      .explain(request.permission as never, request.resource, request.context)
    seen++
    for (const changes of whyNot) {
      proposed++
      const changed = applyChanges({ ...request, now }, changes)
      const { activeRoles } = changed
      const session = policy.session(changed.subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
      if (!session.can(changed.permission as never, changed.resource, changed.context))
        fail(SEED + round, 'a proposal does not permit')
    }
  }
  if (proposed === 0) fail(SEED, 'nothing was proposed')
}

/** Layout changes no hash. */
export function formatKeepsHash(documents: number): void {
  for (let round = 0; round < documents; round++) {
    const source = document(new Random(SEED + round))
    const again: PolicyDocument = JSON.parse(formatPolicy(source))
    if (compiledOrNone(again)?.hash !== compiledOrNone(source)?.hash) fail(SEED + round, 'the hash changed')
  }
}

/** No name of a prototype, no inherited tenant and no pollution permits. */
export function namesOfPrototypesPermitNothing(): void {
  const policy = compilePolicy(minimal)
  for (const name of ['__proto__', 'constructor', 'toString', 'reаder', 'reader\0']) {
    if (policy.session({ id: 'u', roles: [name] }).can('note:read')) fail(SEED, name)
    if (policy.session({ id: 'u', roles: ['reader'] }).can(name as 'note:read')) fail(SEED, name)
  }
  class Person {
    id = 'u'
    roles = ['reader']
    get tenant(): string {
      return 't1'
    }
  }
  try {
    policy.session(new Person())
  } catch (error) {
    if (isRbacError(error) && error.code === 'COFFER_RBAC_SUBJECT_INVALID') return
  }
  fail(SEED, 'an inherited tenant was taken')
}
