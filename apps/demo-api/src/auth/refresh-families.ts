import { AsyncLocalStorage } from 'node:async_hooks'
import type { FamilyState, RefreshStore } from '@coffer/jwt/issue'
import { parseId } from '../http/identifier.js'
import type { Principals } from './principals.js'

/** Who a family of refresh tokens belongs to; `null` when the grant is not one of this API's logins. */
export function familyOwner({ grant }: Pick<FamilyState, 'grant'>): { tenantId: string; userId: string } | null {
  const { tenant } = grant.claims ?? {}
  const tenantId = typeof tenant === 'string' ? parseId('ten', tenant) : null
  const userId = parseId('usr', grant.subject)
  return tenantId === null || userId === null ? null : { tenantId, userId }
}

/** The families of refresh tokens, for callers whose address is known. */
export interface RefreshFamilies extends RefreshStore {
  /**
   * Runs `work` for a caller at an address. A family whose networks exclude the address is not there for it: nothing of
   * it is spent, so a token that is presented from the wrong network still serves from the right one.
   */
  from<T>(address: string, work: () => Promise<T>): Promise<T>
}

/** Narrows a store to what the caller's address may use; outside {@link RefreshFamilies.from} it is the store itself. */
export function createRefreshFamilies(store: RefreshStore, admits: Principals['admits']): RefreshFamilies {
  const caller = new AsyncLocalStorage<string>()

  async function visible(state: FamilyState | undefined): Promise<FamilyState | undefined> {
    const address = caller.getStore()
    if (address === undefined || state === undefined) return state
    const owner = familyOwner(state)
    if (owner === null) return undefined
    return (await admits({ tenantId: owner.tenantId, id: state.grant.subject }, address)) ? state : undefined
  }

  return {
    from: (address, work) => caller.run(address, work),
    create: (family) => store.create(family),
    revoke: (target) => store.revoke(target),
    read: async (id) => visible(await store.read(id)),
    rotate: async (step) => {
      if (caller.getStore() !== undefined && (await visible(await store.read(step.id))) === undefined) return undefined
      return store.rotate(step)
    },
  }
}
