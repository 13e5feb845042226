import { createHmac } from 'node:crypto'
import { formatApiToken } from '../auth/api-tokens.js'
import type { Plan, UserRole } from '../db/schema.js'
import { formatId } from '../http/identifier.js'
import { seededRandom } from './random.js'

/** How much the seed makes for each of the two tenants. */
export interface SeedSizes {
  readonly customers: number
  readonly cards: number
  readonly payments: number
}

/** One line of what the demo prints: a login or an API token that works now. Stored nowhere in clear. */
export type SampleCredential =
  | {
      readonly kind: 'user'
      readonly tenant: string
      readonly role: string
      readonly email: string
      readonly password: string
    }
  | {
      readonly kind: 'api-token'
      readonly tenant: string
      readonly role: string
      readonly tokenId: string
      readonly apiToken: string
    }

/** The demo's fixed seed, and the instant its history ends at. */
export const seedNumber = 20_260_101
export const historyEnd = Date.UTC(2026, 9, 31)

export interface SampleUser {
  readonly id: string
  readonly person: string
  readonly role: UserRole
  readonly email: string
  readonly name: string
}

export interface SampleTenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly plan: Plan
  readonly users: readonly SampleUser[]
  readonly apiTokenId: string
}

/** What an API token of the demo may ask for: all that the role `integration` has. */
export const integrationScopes = [
  'tenant:read',
  'customer:create',
  'customer:read',
  'customer:update',
  'card:create',
  'card:read',
  'payment:create',
  'payment:read',
] as const

const random = seededRandom(seedNumber)
const founded = Date.UTC(2025, 3, 1)

function tenant(
  slug: string,
  name: string,
  plan: Plan,
  people: readonly (readonly [UserRole, string])[],
): SampleTenant {
  return {
    id: random.uuid(founded),
    slug,
    name,
    plan,
    users: people.map(([role, person]) => ({
      id: random.uuid(founded),
      person: random.uuid(founded),
      role,
      email: `${role}.${slug}@example.com`,
      name: person,
    })),
    apiTokenId: random.uuid(founded),
  }
}

/** Two tenants on different plans, nine people. The same IDs on every install. */
export const sampleTenants: readonly SampleTenant[] = [
  tenant('acme', 'Acme Payments', 'growth', [
    ['owner', 'Temitope Alakija'],
    ['admin', 'Rosalind Achterberg'],
    ['maker', 'Chukwuemeka Nwachukwu'],
    ['checker', 'Bronwen Llewellyn'],
    ['support', 'Hauwa Gwandu'],
    ['auditor', 'Fergus Abernathy'],
  ]),
  tenant('savanna', 'Savanna Stores', 'starter', [
    ['owner', 'Oluwaseun Bankole'],
    ['maker', 'Ottilie Featherstone'],
    ['checker', 'Nnamdi Azikwe'],
  ]),
]

/** A password of this install: 24 characters of base32 with letters and digits, derived, so that it can be printed again. */
export function samplePassword(secret: Uint8Array, email: string): string {
  for (let attempt = 0; ; attempt += 1) {
    const bytes = derive(secret, `password ${attempt} ${email}`)
    const text = Array.from(bytes.subarray(0, 24), (byte) => '23456789abcdefghjkmnpqrstuvwxyz'.charAt(byte % 31)).join(
      '',
    )
    if (/[a-z]/.test(text) && /[0-9]/.test(text)) return text.replace(/(.{6})(?=.)/g, '$1-')
  }
}

/** The API token of a tenant's integration on this install. */
export function sampleApiToken(secret: Uint8Array, tenantSlug: string): string {
  return formatApiToken('test', derive(secret, `api-token ${tenantSlug}`))
}

/** A login or API token of the demo, with the UUID of the row that it belongs to. */
export interface DerivedCredential {
  readonly id: string
  readonly credential: SampleCredential
}

/** What the secret gives for each sample person and token. Nothing of it is stored in clear. */
export function sampleCredentials(secret: Uint8Array): readonly DerivedCredential[] {
  return sampleTenants.flatMap(({ slug: tenant, users, apiTokenId }): DerivedCredential[] => [
    ...users.map(({ id, role, email }) => ({
      id,
      credential: { kind: 'user' as const, tenant, role, email, password: samplePassword(secret, email) },
    })),
    {
      id: apiTokenId,
      credential: {
        kind: 'api-token',
        tenant,
        role: 'integration',
        tokenId: formatId('tok', apiTokenId),
        apiToken: sampleApiToken(secret, tenant),
      },
    },
  ])
}

function derive(secret: Uint8Array, label: string): Uint8Array {
  return createHmac('sha256', secret).update(`fincode demo ${label}`).digest()
}
