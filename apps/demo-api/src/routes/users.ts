import { Type } from 'typebox'
import { formatId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { userResource } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import { underTenantLock } from '../tenants/tenants.js'
import { disableUser, findUser, hasOtherOwner, listUsers, rolesOf, User, viewUser } from '../users/users.js'
import type { RouteDependencies } from './dependencies.js'
import { pageOf, pathId, readPage } from './paging.js'
import { Closed, IdParams, pageQuery } from './schemas.js'

/** The people of a tenant. */
export function userRoutes({ encryption, directory, tokens, revocations }: RouteDependencies): readonly AnyRoute[] {
  async function tablesFor(context: RequestContext) {
    await encryption.platform.ready()
    return { tenant: await context.tables(), platform: encryption.platform }
  }

  return [
    route({
      method: 'GET',
      url: '/v1/users',
      summary: 'Lists users, newest first.',
      permission: 'user:read',
      limit: 'read',
      schema: {
        querystring: Closed(pageQuery),
        response: { 200: Closed({ data: Type.Array(User), has_more: Type.Boolean() }) },
      },
      handler: async ({ query }, context) => {
        const page = readPage(query, 'usr')
        const { tenantId } = context.principal
        const tables = await tablesFor(context)
        const users = await context.tenant(async (tx) => {
          const rows = await listUsers(tx, tenantId, { ...page, visible: visibleRows(context.session, 'user:read') })
          const ids = rows.map(({ id }) => id)
          const roles = await rolesOf(tx, tenantId, ids, context.clock.now())
          return pageOf(rows, page, (row) => viewUser(tx, tables, row, roles.get(row.id) ?? []))
        })
        return answer(200, users)
      },
    }),
    route({
      method: 'GET',
      url: '/v1/users/:id',
      summary: 'Reads one user.',
      permission: 'user:read',
      limit: 'read',
      schema: { params: IdParams, response: { 200: User } },
      handler: async ({ params }, context) => {
        const id = pathId('usr', params.id)
        const { tenantId } = context.principal
        const tables = await tablesFor(context)
        return context.tenant(async (tx) => {
          const row = await findUser(tx, tenantId, id)
          if (row === null) throw new Problem('not-found')
          const roles = (await rolesOf(tx, tenantId, [id], context.clock.now())).get(id) ?? []
          context.require('user:read', userResource(tenantId, id, roles.includes('owner')))
          return answer(200, viewUser(tx, tables, row, roles))
        })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/users/:id/disable',
      summary: 'Disables a user and ends every session of theirs.',
      permission: 'user:disable',
      limit: 'sensitive',
      problems: ['state-conflict', 'last-owner'],
      schema: { params: IdParams, response: { 200: User } },
      handler: async ({ params }, context) => {
        const id = pathId('usr', params.id)
        const { tenantId } = context.principal
        const tables = await tablesFor(context)
        const subject = formatId('usr', id)
        const { view, ended } = await context.tenant(async (tx) => {
          const row = await findUser(tx, tenantId, id)
          if (row === null) throw new Problem('not-found')
          const now = context.clock.now()
          const roles = (await rolesOf(tx, tenantId, [id], now)).get(id) ?? []
          context.require('user:disable', userResource(tenantId, id, roles.includes('owner')))
          if (roles.includes('owner') && !(await hasOtherOwner(tx, tenantId, id))) throw new Problem('last-owner')
          if (!(await disableUser(tx, tenantId, id))) throw new Problem('state-conflict')
          const ended = await revocations.endSubject(tx, subject)
          return { view: viewUser(tx, tables, { ...row, status: 'disabled' }, roles), ended }
        }, underTenantLock(tenantId))
        directory.subjectChanged(tenantId, id)
        await tokens.subjectEnded(subject, ended)
        return answer(200, view)
      },
    }),
  ]
}
