import { asc, eq } from 'drizzle-orm'
import { type Static, Type } from 'typebox'
import { refuseCardNumbers } from '../cards/free-text-scan.js'
import { networkRules, type Plan } from '../db/schema.js'
import type { Transaction } from '../db/transaction.js'
import { formatId, newUuid, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { createNetworkAllowlist, parseNetwork } from '../network/allowlist.js'
import { findTenant, underTenantLock } from '../tenants/tenants.js'
import type { RouteDependencies } from './dependencies.js'
import { AnyId, Closed, Line, PlanName, Timestamp } from './schemas.js'

/** Networks that each plan's list may hold. */
const networksByPlan: Readonly<Record<Plan, number>> = { starter: 0, growth: 20, scale: 1000 }

const Tenant = Closed({
  id: AnyId,
  slug: Type.String(),
  name: Type.String(),
  plan: PlanName,
  status: Type.Enum(['active', 'suspended']),
  approval_threshold: Type.Integer(),
})

const Rule = Closed({
  id: AnyId,
  cidr: Type.String(),
  note: Type.String(),
  created_by: AnyId,
  created_at: Timestamp,
})
/** An empty list admits every address; `max` is the plan's. */
const NetworkList = Closed({ data: Type.Array(Rule), max: Type.Integer(), dry_run: Type.Boolean() })
const NewNetworkList = Closed({
  rules: Type.Array(Closed({ cidr: Type.String({ maxLength: 64 }), note: Type.Optional(Line(100)) }), {
    maxItems: 1000,
  }),
  dry_run: Type.Optional(Type.Boolean()),
})

/** The tenant itself, and the networks it may be reached from. */
export function tenantRoutes({ directory }: RouteDependencies): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/v1/tenant',
      summary: 'Reads the tenant of the token.',
      permission: 'tenant:read',
      limit: 'read',
      schema: { response: { 200: Tenant } },
      handler: async (_request, context) => {
        const { tenantId } = context.principal
        context.require('tenant:read', { tenantId })
        const { slug, name, plan, status, approvalThreshold } = await context.tenant((tx) => findTenant(tx, tenantId))
        const id = formatId('ten', tenantId)
        return answer(200, { id, slug, name, plan, status, approval_threshold: approvalThreshold })
      },
    }),
    route({
      method: 'GET',
      url: '/v1/tenant/network',
      summary: 'Lists the networks that are admitted.',
      permission: 'network:read',
      limit: 'read',
      schema: { response: { 200: NetworkList } },
      handler: async (_request, context) => {
        const { tenantId, plan } = context.principal
        context.require('network:read', { tenantId })
        const rows = await context.tenant((tx) => listRules(tx, tenantId))
        return answer(200, { data: rows.map(viewRule), max: networksByPlan[plan], dry_run: false })
      },
    }),
    route({
      method: 'POST',
      url: '/v1/tenant/network/test',
      summary: 'Says what an address would get.',
      permission: 'network:read',
      limit: 'read',
      schema: {
        body: Closed({ address: Type.String({ maxLength: 64 }) }),
        response: {
          200: Closed({ allowed: Type.Boolean(), rule: Type.Union([Type.String(), Type.Null()]) }),
        },
      },
      handler: async ({ body }, context) => {
        const { tenantId } = context.principal
        context.require('network:read', { tenantId })
        if (parseNetwork(body.address) === null || body.address.includes('/')) {
          throw new Problem('validation-failed', { errors: [{ pointer: '/body/address', rule: 'address' }] })
        }
        const list = (await directory.tenant(tenantId))?.networks ?? null
        // Without a list every address is admitted, by no rule.
        return answer(200, list === null ? { allowed: true, rule: null } : list.check(body.address))
      },
    }),
    route({
      method: 'PUT',
      url: '/v1/tenant/network',
      summary: 'Replaces the list of networks. It has to admit the caller.',
      permission: 'network:update',
      limit: 'sensitive',
      problems: ['feature-not-in-plan', 'would-lock-out', 'network-list-invalid', 'cardholder-data-in-text'],
      schema: { body: NewNetworkList, response: { 200: NetworkList } },
      handler: async ({ body }, context) => {
        refuseCardNumbers(...body.rules.map(({ note }) => note))
        const { tenantId, id } = context.principal
        const dryRun = body.dry_run ?? false
        const now = context.clock.now()
        const { rows, max } = await context.tenant(async (tx) => {
          context.require('network:update', { tenantId })
          const max = networksByPlan[(await findTenant(tx, tenantId)).plan]
          if (max === 0) throw new Problem('feature-not-in-plan')
          const cidrs = readNetworks(body.rules, max)
          if (cidrs.length > 0 && !createNetworkAllowlist(cidrs).check(context.clientAddress).allowed) {
            throw new Problem('would-lock-out')
          }
          const createdBy = parseId('usr', id)
          if (createdBy === null) throw new Problem('permission-denied')
          const rows = cidrs.map((cidr, position) => {
            const note = body.rules[position]?.note ?? ''
            return { id: newUuid(now), tenantId, position, cidr, note, createdBy, createdAt: new Date(now) }
          })
          if (!dryRun) await replaceRules(tx, tenantId, rows)
          return { rows, max }
        }, underTenantLock(tenantId))
        if (!dryRun) directory.tenantChanged(tenantId)
        return answer(200, { data: rows.map(viewRule), max, dry_run: dryRun })
      },
    }),
  ]
}

type RuleRow = typeof networkRules.$inferSelect

/** Canonical networks; the first that is none, is there twice, or is one too many is named by its index. */
function readNetworks(rules: readonly { readonly cidr: string }[], max: number): readonly string[] {
  const seen = new Set<string>()
  return rules.map(({ cidr }, index) => {
    const network = parseNetwork(cidr)
    if (network === null || seen.has(network.text)) throw new Problem('network-list-invalid', { index })
    if (index >= max) throw new Problem('feature-not-in-plan', { index })
    seen.add(network.text)
    return network.text
  })
}

function listRules(tx: Transaction, tenantId: string): Promise<RuleRow[]> {
  return tx.drizzle
    .select()
    .from(networkRules)
    .where(eq(networkRules.tenantId, tenantId))
    .orderBy(asc(networkRules.position))
}

async function replaceRules(tx: Transaction, tenantId: string, rows: readonly RuleRow[]): Promise<void> {
  await tx.drizzle.delete(networkRules).where(eq(networkRules.tenantId, tenantId))
  if (rows.length > 0) await tx.drizzle.insert(networkRules).values([...rows])
}

function viewRule({ id, cidr, note, createdBy, createdAt }: RuleRow): Static<typeof Rule> {
  return {
    id: formatId('net', id),
    cidr,
    note,
    created_by: formatId('usr', createdBy),
    created_at: createdAt.toISOString(),
  }
}
