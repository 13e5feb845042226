import type { Database } from '../db/transaction.js'
import type { Clock } from '../http/request-context.js'
import { createStateCache } from './state-cache.js'
import { readApiToken, readTenant, readUser, type SubjectState, type TenantState } from './subject-rows.js'

/** Tenants and subjects, held in memory and re-read at least once a second. */
export interface Directory {
  tenant(tenantId: string): Promise<TenantState | null>
  user(tenantId: string, userId: string): Promise<SubjectState | null>
  apiToken(tenantId: string, tokenId: string): Promise<SubjectState | null>
  /** After a committed change of the tenant, its networks, or one of its users and tokens. */
  tenantChanged(tenantId: string): void
  subjectChanged(tenantId: string, subjectId: string): void
}

const maxTenants = 10_000
const maxSubjects = 100_000
const maxAgeMs = 1_000

export function createDirectory({ database, clock }: { database: Database; clock: Clock }): Directory {
  function inTenant(key: string, read: typeof readUser): Promise<SubjectState | null> {
    const [tenantId, subjectId] = [key.slice(0, 36), key.slice(37)]
    return database.tenant(tenantId, (tx) => read(tx, tenantId, subjectId))
  }

  const tenantStates = createStateCache({
    load: (id) => database.tenant(id, (tx) => readTenant(tx, id)),
    clock,
    max: maxTenants,
    maxAgeMs,
  })
  const userStates = createStateCache({
    load: (key) => inTenant(key, readUser),
    clock,
    max: maxSubjects,
    maxAgeMs,
  })
  const tokenStates = createStateCache({
    load: (key) => inTenant(key, readApiToken),
    clock,
    max: maxSubjects,
    maxAgeMs,
  })
  return {
    tenant: (tenantId) => tenantStates.get(tenantId),
    user: (tenantId, userId) => userStates.get(`${tenantId}/${userId}`),
    apiToken: (tenantId, tokenId) => tokenStates.get(`${tenantId}/${tokenId}`),
    tenantChanged: (tenantId) => tenantStates.invalidate(tenantId),
    subjectChanged(tenantId, subjectId) {
      userStates.invalidate(`${tenantId}/${subjectId}`)
      tokenStates.invalidate(`${tenantId}/${subjectId}`)
    },
  }
}
