import type { Principal, RecordedDecision } from '../http/request-context.js'

/** A decision as it can be explained later. */
export interface StoredDecision {
  readonly decision: RecordedDecision
  readonly subject: string
  readonly requestId: string
}

/** The latest decisions of this process, so that the ID in a refusal can be explained. */
export interface DecisionLog {
  record(decision: RecordedDecision, principal: Principal, requestId: string): void
  /** A decision of this tenant; another tenant's is not found. */
  find(tenantId: string, decisionId: string): StoredDecision | null
}

/** Keeps refusals only, the newest `max` of each tenant's: one tenant cannot push another's out. */
export function createDecisionLog({ max = 1_000, maxTenants = 10_000 } = {}): DecisionLog {
  const tenants = new Map<string, Map<string, StoredDecision>>()
  return {
    record(decision, { tenantId, id }, requestId) {
      if (decision.decision === 'permit') return
      const decisions = tenants.get(tenantId) ?? new Map<string, StoredDecision>()
      tenants.delete(tenantId)
      tenants.set(tenantId, decisions)
      dropOldest(tenants, maxTenants)
      decisions.set(decision.id, { decision, subject: id, requestId })
      dropOldest(decisions, max)
    },
    find: (tenantId, decisionId) => tenants.get(tenantId)?.get(decisionId) ?? null,
  }
}

function dropOldest<Value>(map: Map<string, Value>, max: number): void {
  const oldest = map.keys().next().value
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}
