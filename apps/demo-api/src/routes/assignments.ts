import { Type } from 'typebox'
import {
  Assignment,
  assignmentsOf,
  deleteAssignment,
  findAssignment,
  insertAssignment,
  listAssignments,
  viewAssignment,
} from '../assignments/assignments.js'
import { lockSubject } from '../auth/subject-rows.js'
import { userRoles } from '../db/schema.js'
import { formatId, newUuid, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { assignmentResource } from '../policy/resources.js'
import { visibleRows } from '../policy/visible-rows.js'
import { underTenantLock } from '../tenants/tenants.js'
import { findUser, hasOtherOwner } from '../users/users.js'
import type { RouteDependencies } from './dependencies.js'
import { pageOf, pathId, readPage } from './paging.js'
import { Closed, Id, IdParams, pageQuery, Timestamp } from './schemas.js'

const NewAssignment = Closed({
  user: Id('usr'),
  role: Type.Enum([...userRoles]),
  expires_at: Type.Optional(Timestamp),
})

/** Who holds which role. What one person may not hold together is refused before it is saved. */
export function assignmentRoutes({ directory, policy, tokens, revocations }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/assignments',
      summary: 'Lists role assignments, newest first.',
      permission: 'assignment:read',
      limit: 'read',
      schema: {
        querystring: Closed(pageQuery),
        response: { 200: Closed({ data: Type.Array(Assignment), has_more: Type.Boolean() }) },
      },
      handler: async ({ query }, context) => {
        const page = readPage(query, 'asg')
        const { tenantId } = context.principal
        const visible = visibleRows(context.session, 'assignment:read')
        const rows = await context.tenant((tx) => listAssignments(tx, tenantId, { ...page, visible }))
        return answer(200, pageOf(rows, page, viewAssignment))
      },
    }),
    route({
      method: 'POST',
      url: '/v1/assignments',
      summary: 'Gives a user a role.',
      permission: 'assignment:create',
      limit: 'sensitive',
      problems: ['not-found', 'state-conflict', 'separation-of-duties'],
      schema: { body: NewAssignment, response: { 201: Assignment } },
      handler: async ({ body }, context) => {
        const userId = pathId('usr', body.user)
        const { tenantId, id: grantor } = context.principal
        const now = context.clock.now()
        const expiresAt = body.expires_at === undefined ? null : new Date(body.expires_at)
        // A leap second is RFC 3339 and no Date: it is not in the future either.
        if (expiresAt !== null && !(expiresAt.getTime() > now)) {
          throw new Problem('validation-failed', { errors: [{ pointer: '/body/expires_at', rule: 'future' }] })
        }
        const row = await context.tenant(async (tx) => {
          const user = await findUser(tx, tenantId, userId)
          if (user === null) throw new Problem('not-found')
          await lockSubject(tx, 'user', userId, 'no key update')
          const all = await assignmentsOf(tx, tenantId, userId)
          const held = all.filter((one) => one.expiresAt === null || one.expiresAt.getTime() > now)
          const isOwner = held.some(({ role }) => role === 'owner')
          context.require('assignment:create', assignmentResource(tenantId, userId, body.role, isOwner))
          if (user.status !== 'active' || held.some(({ role }) => role === body.role)) {
            throw new Problem('state-conflict')
          }
          const roles = [...held.map(({ role }) => role), body.role]
          const violations = policy.checkAssignments([{ subject: body.user, tenant: tenantId, roles }])
          if (violations.length > 0) throw new Problem('separation-of-duties')
          const ended = all.find(({ role }) => role === body.role)
          if (ended !== undefined) await deleteAssignment(tx, tenantId, ended.id)
          const made = {
            id: newUuid(now),
            tenantId,
            userId,
            role: body.role,
            grantedBy: parseId('usr', grantor),
            expiresAt,
            createdAt: new Date(now),
          }
          await insertAssignment(tx, made)
          return made
        }, underTenantLock(tenantId))
        directory.subjectChanged(tenantId, userId)
        return answer(201, viewAssignment(row))
      },
    }),
    route({
      method: 'DELETE',
      url: '/v1/assignments/:id',
      summary: 'Takes a role away, and ends every session of its holder.',
      permission: 'assignment:delete',
      limit: 'sensitive',
      problems: ['last-owner'],
      schema: { params: IdParams, response: { 200: Assignment } },
      handler: async ({ params }, context) => {
        const id = pathId('asg', params.id)
        const { tenantId } = context.principal
        const { row, ended } = await context.tenant(async (tx) => {
          const found = await findAssignment(tx, tenantId, id)
          if (found === null) throw new Problem('not-found')
          const { userId, role } = found
          await lockSubject(tx, 'user', userId, 'no key update')
          const now = context.clock.now()
          const isOwner = (await assignmentsOf(tx, tenantId, userId)).some(
            (one) => one.role === 'owner' && (one.expiresAt === null || one.expiresAt.getTime() > now),
          )
          context.require('assignment:delete', assignmentResource(tenantId, userId, role, isOwner))
          if (role === 'owner' && !(await hasOtherOwner(tx, tenantId, userId))) throw new Problem('last-owner')
          await deleteAssignment(tx, tenantId, id)
          // One that had ended by itself took its rights along then: nobody is logged out for it.
          const isHeld = found.expiresAt === null || found.expiresAt.getTime() > now
          return { row: found, ended: isHeld ? await revocations.endSubject(tx, formatId('usr', userId)) : null }
        }, underTenantLock(tenantId))
        directory.subjectChanged(tenantId, row.userId)
        if (ended !== null) await tokens.subjectEnded(formatId('usr', row.userId), ended)
        return answer(200, viewAssignment(row))
      },
    }),
  ]
}
