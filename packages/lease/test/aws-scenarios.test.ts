import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  defineLeasePolicy,
  initialState,
  type LeaseEffect,
  type LeaseEvent,
  type LeasePolicyOverrides,
  type LeaseState,
  reduce,
} from '@coffer/lease'
import { describe, expect, test } from 'vitest'

interface Scenario {
  readonly documentation: string
  readonly given: {
    readonly cachedCredentials: 'none' | 'valid' | 'advisory' | 'mandatory' | 'expired'
    readonly accessKeyId?: string
    readonly refreshBackoffSeconds?: number
    readonly configuredAdvisoryWindowSeconds?: number
  }
  readonly steps: readonly Step[]
}
type Step =
  | { readonly type: 'advanceTime'; readonly seconds: number }
  | { readonly type: 'invalidate'; readonly rejectedAccessKeyId: string }
  | {
      readonly type: 'getCredentials'
      readonly response?: 'freshCredentials' | 'staleCredentials' | 'error' | 'nonRecoverableError'
      readonly lifetimeSeconds?: number
      readonly expected: {
        readonly result: 'cachedCredentials' | 'newCredentials' | 'noCredentialsError' | 'nonRecoverableError'
        readonly sourceContacted: boolean
        readonly rateLimited: boolean
        readonly advisoryWindowSeconds?: number
      }
    }

const hour = 3_600_000
const ages = { valid: 0.2 * hour, advisory: hour - 600_000, mandatory: hour - 30_000, expired: hour + 60_000 }

/** The scenarios expect the AWS SDKs' defaults in five places; ours is the stricter in each (1-based numbers). */
function switches(number: number): LeasePolicyOverrides {
  return {
    ...([2, 14, 16].includes(number) && { onAdvisory: 'wait' as const }),
    ...([7, 20, 22].includes(number) && { staleMs: Number.POSITIVE_INFINITY }),
    ...([19, 20].includes(number) && { onReject: 'keep' as const }),
    ...([16, 17, 23].includes(number) && { onTerminal: 'throw' as const, terminalHoldMs: 0 }),
    ...(number === 8 && { backoff: { empty: 'none' as const } }),
  }
}

function replay(scenario: Scenario, number: number): void {
  const { given } = scenario
  const own = switches(number)
  const heldMs = (given.refreshBackoffSeconds ?? 5) * 1_000
  const policy = defineLeasePolicy({
    ...own,
    ...(given.configuredAdvisoryWindowSeconds !== undefined && {
      advisoryMs: given.configuredAdvisoryWindowSeconds * 1_000,
    }),
    backoff: { ...own.backoff, held: { baseMs: heldMs, maxMs: Math.max(heldMs, 600_000) } },
  })
  let nowMs = Date.UTC(2026, 0, 1)
  let state: LeaseState<string> = initialState(policy)
  let issued = 0
  const at = (): { wallMs: number; monoMs: number } => ({ wallMs: nowMs, monoMs: nowMs })
  const send = (event: LeaseEvent<string>): readonly LeaseEffect<string>[] => {
    const [next, effects] = reduce(state, event)
    state = next
    return effects
  }
  const cached = given.accessKeyId ?? 'AKID-cached'
  if (given.cachedCredentials !== 'none') {
    send({ type: 'adopted', at: at(), since: at(), value: cached, ttlMs: hour, same: false, random: 0 })
    nowMs += ages[given.cachedCredentials]
  }
  for (const step of scenario.steps) {
    if (step.type === 'advanceTime') {
      nowMs += step.seconds * 1_000
    } else if (step.type === 'invalidate') {
      send({ type: 'invalidate', at: at(), current: step.rejectedAccessKeyId === state.held?.value })
    } else {
      const before = state.held?.value
      const first = send({ type: 'get', at: at() })
      const contacted = first.some((effect) => effect.type === 'refresh')
      const then = contacted ? answer(step) : []
      const effects = first.some((effect) => effect.type === 'wait') ? then : first
      const outcome = effects.find((effect) => effect.type === 'serve' || effect.type === 'fail')
      if (outcome === undefined) throw new Error('no answer')
      const { expected } = step
      expect(contacted, 'sourceContacted').toBe(expected.sourceContacted)
      expect(outcome.limited, 'rateLimited').toBe(expected.rateLimited)
      if (expected.result === 'cachedCredentials') expect(outcome).toMatchObject({ type: 'serve', value: before })
      else if (expected.result === 'newCredentials')
        expect(outcome).toMatchObject({ type: 'serve', value: `AKID-new-${issued}` })
      else expect(outcome).toMatchObject({ type: 'fail', reason: 'source' })
      if (expected.advisoryWindowSeconds !== undefined) {
        const held = state.held
        expect(held && held.ttlMs - held.refreshAfterMs).toBe(expected.advisoryWindowSeconds * 1_000)
      }
    }
  }

  function answer(step: Extract<Step, { type: 'getCredentials' }>): readonly LeaseEffect<string>[] {
    if (step.response === 'error' || step.response === 'nonRecoverableError') {
      const kind = step.response === 'error' ? 'transient' : 'terminal'
      return send({ type: 'failed', at: at(), failure: { kind, error: step.response }, random: 0 })
    }
    issued += 1
    const ttlMs = step.response === 'staleCredentials' ? 0 : (step.lifetimeSeconds ?? 3_600) * 1_000
    const value = `AKID-new-${issued}`
    return send({ type: 'resolved', at: at(), since: at(), value, ttlMs, same: false, random: 0 })
  }
}

const { COFFER_VECTORS } = process.env
const folder = COFFER_VECTORS ?? fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))
const file = `${folder}/aws/credential-refresh-tests.json`

describe('the credential-refresh scenarios shared by the AWS SDKs', () => {
  if (!existsSync(file)) {
    test('every scenario', (context) => context.skip('needs the published vectors: set COFFER_VECTORS'))
    return
  }
  const scenarios: readonly Scenario[] = JSON.parse(readFileSync(file, 'utf8'))
  test('there are 23 of them', () => {
    expect(scenarios).toHaveLength(23)
  })
  for (const [index, scenario] of scenarios.entries()) {
    test(`${index + 1}. ${scenario.documentation}`, () => replay(scenario, index + 1))
  }
})
