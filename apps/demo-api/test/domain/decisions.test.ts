import { expect, test } from 'vitest'
import { createDecisionLog } from '../../src/policy/decisions.js'
import { maker } from '../http/api.js'

test('of refusals the newest are kept, a tenant’s own bound each, and permits are not', () => {
  const log = createDecisionLog({ max: 2, maxTenants: 2 })
  const decision = (id: string, outcome: 'deny' | 'permit' = 'deny') =>
    ({
      id,
      decision: outcome,
      reason: '',
      ruleId: null,
      policyHash: '',
      permission: 'a:b',
      resource: undefined,
    }) as const
  const of = (tenantId: string) => ({ ...maker, tenantId })
  log.record(decision('1'), of('a'), 'req')
  log.record(decision('2'), of('a'), 'req')
  log.record(decision('x', 'permit'), of('a'), 'req')
  log.record(decision('3'), of('a'), 'req')
  log.record(decision('4'), of('b'), 'req')
  expect(['1', '2', '3', 'x', '4'].map((id) => log.find('a', id) !== null)).toEqual([false, true, true, false, false])
  log.record(decision('5'), of('c'), 'req')
  expect([log.find('a', '3'), log.find('b', '4')?.subject]).toEqual([null, maker.id])
})
