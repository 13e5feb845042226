import { eq } from 'drizzle-orm'
import { Type } from 'typebox'
import { isUnchanged } from '../auth/account-lock.js'
import { isAcceptablePassword } from '../auth/passwords.js'
import { users } from '../db/schema.js'
import { formatId, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { RequestContext } from '../http/request-context.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { findUser, viewUser } from '../users/users.js'
import type { RouteDependencies } from './dependencies.js'
import { AnyId, Closed, PlanName } from './schemas.js'
import { TokenResponse, tokenAnswer } from './token-response.js'

const Me = Closed({
  id: AnyId,
  kind: Type.Enum(['user', 'api-token']),
  tenant: Closed({ id: AnyId, slug: Type.String(), name: Type.String(), plan: PlanName }),
  /** Absent for an API token. */
  name: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  roles: Type.Array(Type.String()),
  scope: Type.Array(Type.String()),
  client_id: Type.String(),
  session_id: Type.Union([Type.String(), Type.Null()]),
})

/** What a principal may see and do of itself. */
export function meRoutes(dependencies: RouteDependencies): readonly AnyRoute[] {
  const { encryption, directory, tokens, login, lookup, passwords, revocations } = dependencies

  async function findSelf(userId: string, { principal, tables, tenant }: RequestContext) {
    const { tenantId } = principal
    await encryption.platform.ready()
    const encrypted = { tenant: await tables(), platform: encryption.platform }
    return tenant(async (tx) => {
      const row = await findUser(tx, tenantId, userId)
      if (row === null) throw new Problem('session-revoked')
      return viewUser(tx, encrypted, row, [])
    })
  }

  return [
    route({
      method: 'GET',
      url: '/v1/me',
      summary: 'Says who the token stands for, and with which roles.',
      permission: 'self',
      limit: 'read',
      schema: { response: { 200: Me } },
      handler: async (_request, context) => {
        const { id, kind, tenantId, roles, scope, clientId, sessionId } = context.principal
        const tenant = await directory.tenant(tenantId)
        if (tenant === null) throw new Problem('session-revoked')
        const userId = parseId('usr', id)
        const self = userId === null ? null : await findSelf(userId, context)
        return answer(200, {
          id,
          kind,
          tenant: { id: formatId('ten', tenant.id), slug: tenant.slug, name: tenant.name, plan: tenant.plan },
          ...(self === null ? {} : { name: self.name, email: self.email }),
          roles: [...roles],
          scope: [...scope],
          client_id: clientId,
          session_id: sessionId ?? null,
        })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/me/password',
      summary: 'Changes the password, ends every session, and starts a new one for the caller.',
      permission: 'self',
      limit: 'sensitive',
      problems: ['credentials-invalid', 'password-refused'],
      schema: {
        body: Closed({
          current_password: Type.String({ minLength: 1, maxLength: 512 }),
          new_password: Type.String({ minLength: 1, maxLength: 512 }),
        }),
        response: { 200: TokenResponse },
      },
      handler: async ({ body }, context) => {
        const { id, tenantId, clientId, scope } = context.principal
        const userId = parseId('usr', id)
        const tenant = await directory.tenant(tenantId)
        if (userId === null || tenant === null) throw new Problem('permission-denied')
        const account = await lookup.accountById(userId)
        const refused = () => new Problem('credentials-invalid', { oauthError: 'invalid_grant' })
        if (account === null || !(await login.verify(account, body.current_password))) throw refused()
        const { email } = await findSelf(userId, context)
        if (!isAcceptablePassword(body.new_password, { email, tenant: tenant.slug })) {
          throw new Problem('password-refused')
        }
        const passwordHash = await passwords.hash(body.new_password)
        const now = context.clock.now()
        const ended = await context.tenant(async (tx) => {
          // Of two who know the same password, the first one's new password stands.
          if (!(await isUnchanged(tx, account, 'update'))) throw refused()
          await tx.drizzle
            .update(users)
            .set({ passwordHash, passwordChangedAt: new Date(now) })
            .where(eq(users.id, userId))
          return revocations.endSubject(tx, id)
        })
        await tokens.subjectEnded(id, ended)
        const issued = await tokens.startSession({
          subject: id,
          clientId,
          ...(scope.length === 0 ? {} : { scope }),
          authenticatedAt: context.clock.now(),
          claims: { tenant: formatId('ten', tenantId) },
        })
        // The password is changed, and another change of the account has ended its sessions once more.
        if (issued === null) throw new Problem('session-revoked')
        return tokenAnswer(issued)
      },
    }),
  ]
}
