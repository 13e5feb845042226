import type { DataKeyInfo } from '@coffer/field-encryption'
import { type Static, Type } from 'typebox'
import { primaryAt } from '../encryption/key-periods.js'
import { countByKey, type KeyUse } from '../encryption/key-usage.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import type { RouteDependencies } from './dependencies.js'
import { Closed, Timestamp } from './schemas.js'

const facts = {
  /** What every value under the key begins with, after `fle1.` and its suite. */
  id: Type.String(),
  version: Type.Integer(),
  state: Type.Enum(['active', 'decrypt-only', 'disabled', 'destroyed']),
  /** Whether what is written now is written under this key. */
  encrypts: Type.Boolean(),
  created_at: Timestamp,
  active_from: Timestamp,
  active_until: Timestamp,
}
const RotatedKey = Closed(facts)
const DataKey = Closed({
  ...facts,
  /** Values under this key. */
  rows: Type.Integer(),
  columns: Type.Array(Closed({ table: Type.String(), column: Type.String(), rows: Type.Integer() })),
})

/** The tenant's data keys: which there are, what is still under each, and a new one. */
export function keyRoutes({ encryption }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/keys',
      summary: 'Lists the data keys, newest first, and counts what is stored under each.',
      permission: 'key:read',
      limit: 'read',
      schema: { response: { 200: Closed({ data: Type.Array(DataKey) }) } },
      handler: async (_request, context) => {
        const { tenantId } = context.principal
        context.require('key:read')
        const used = await context.tenant((tx) => countByKey(tx, tenantId))
        // After the count: a key that another process has added meanwhile is among them.
        const keys = await encryption.keys(tenantId)
        const now = context.clock.now()
        const data = [...keys].reverse().map((key) => ({ ...viewKey(key, keys, now), ...usesOf(key, used) }))
        return answer(200, { data })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/keys/rotate',
      summary:
        'Adds a data key that encrypts from now on: ten a day at most. What is stored opens as before and moves when it is written.',
      permission: 'key:rotate',
      limit: 'sensitive',
      problems: ['state-conflict'],
      schema: {
        response: {
          200: Type.Object(RotatedKey.properties, {
            additionalProperties: false,
            description: 'The key that another rotation has made within the last minute: the two are one.',
          }),
          201: RotatedKey,
        },
      },
      handler: async (_request, context) => {
        const { tenantId, id: actor } = context.principal
        const { id: decisionId } = context.require('key:rotate')
        const { key, made } = await encryption.rotate({
          tenantId,
          actor,
          requestId: context.requestId,
          permission: 'key:rotate',
          decisionId: () => decisionId,
        })
        const view = viewKey(key, await encryption.keys(tenantId), context.clock.now())
        return made ? answer(201, view) : answer(200, view)
      },
    }),
  ]
}

function viewKey(key: DataKeyInfo, keys: readonly DataKeyInfo[], now: number): Static<typeof RotatedKey> {
  return {
    id: key.id,
    version: key.version,
    state: key.state,
    encrypts: primaryAt(keys, now)?.id === key.id,
    created_at: new Date(key.createdAt).toISOString(),
    active_from: new Date(key.activeFrom).toISOString(),
    active_until: new Date(key.activeUntil).toISOString(),
  }
}

function usesOf({ id }: DataKeyInfo, used: readonly KeyUse[]) {
  const columns = used.filter(({ keyId }) => keyId === id).map(({ table, column, rows }) => ({ table, column, rows }))
  return { rows: columns.reduce((sum, { rows }) => sum + rows, 0), columns }
}
