import { Type } from 'typebox'
import { listOpenings, Opening, viewOpening } from '../encryption/opening-records.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { pageOf, readPage } from './paging.js'
import { Closed, pageQuery } from './schemas.js'

/** Who opened which encrypted fields, and why. */
export function openingRoutes(): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/audit/openings',
      summary: 'Lists what was opened of encrypted data, by whom and for what, newest first.',
      permission: 'audit:read',
      limit: 'read',
      schema: {
        querystring: Closed(pageQuery),
        response: { 200: Closed({ data: Type.Array(Opening), has_more: Type.Boolean() }) },
      },
      handler: async ({ query }, context) => {
        const page = readPage(query, 'opn')
        const { tenantId } = context.principal
        context.require('audit:read')
        const rows = await context.tenant((tx) => listOpenings(tx, tenantId, page))
        return answer(200, pageOf(rows, page, viewOpening))
      },
    }),
  ]
}
