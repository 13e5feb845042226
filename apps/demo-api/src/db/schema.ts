import type { DataKeyRecord, Encrypted } from '@coffer/field-encryption'
import { bigint, integer, jsonb, pgSchema, smallint, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/**
 * The tables as drizzle sees them; `migrations/*.sql` makes them. A column typed {@link Encrypted} takes ciphertext
 * only: writing plaintext to it does not compile, and the database's CHECK refuses it as well.
 */
const app = pgSchema('app')
const vault = pgSchema('vault')

const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3, mode: 'date' })
const encrypted = (name: string) => text(name).$type<Encrypted<string>>()

export const plans = ['starter', 'growth', 'scale'] as const
export type Plan = (typeof plans)[number]
export const currencies = ['NGN', 'GBP', 'USD', 'EUR', 'KES'] as const
export type Currency = (typeof currencies)[number]
export const paymentStates = ['requires_approval', 'succeeded', 'rejected', 'canceled'] as const
export type PaymentState = (typeof paymentStates)[number]
/** Roles that a user can be given; `integration` is for API tokens alone and is never assigned. */
export const userRoles = ['owner', 'admin', 'maker', 'checker', 'support', 'auditor'] as const
export type UserRole = (typeof userRoles)[number]

export const tenants = app.table('tenants', {
  id: uuid('id').primaryKey(),
  slug: text('slug').notNull(),
  name: text('name').notNull(),
  plan: text('plan', { enum: plans }).notNull(),
  status: text('status', { enum: ['active', 'suspended'] }).notNull(),
  approvalThreshold: bigint('approval_threshold', { mode: 'number' }).notNull(),
  createdAt: at('created_at').notNull(),
})

export const dataKeys = app.table('data_keys', {
  tenantId: uuid('tenant_id'),
  version: smallint('version').notNull(),
  record: jsonb('record').$type<DataKeyRecord>().notNull(),
})

export const users = app.table('users', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  status: text('status', { enum: ['active', 'disabled'] }).notNull(),
  person: uuid('person').notNull(),
  passwordHash: text('password_hash').notNull(),
  passwordChangedAt: at('password_changed_at').notNull(),
  email: encrypted('email').notNull(),
  emailEq: text('email_eq').notNull(),
  name: encrypted('name').notNull(),
  createdAt: at('created_at').notNull(),
})

export const roleAssignments = app.table('role_assignments', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  userId: uuid('user_id').notNull(),
  role: text('role', { enum: userRoles }).notNull(),
  grantedBy: uuid('granted_by'),
  expiresAt: at('expires_at'),
  createdAt: at('created_at').notNull(),
})

export const apiTokens = app.table('api_tokens', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  name: text('name').notNull(),
  ownerUserId: uuid('owner_user_id').notNull(),
  prefix: text('prefix').notNull(),
  tokenHash: text('token_hash').notNull(),
  scopes: text('scopes').array().notNull(),
  networks: text('networks').array().notNull(),
  expiresAt: at('expires_at').notNull(),
  revokedAt: at('revoked_at'),
  createdAt: at('created_at').notNull(),
})

export const networkRules = app.table('network_rules', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  position: integer('position').notNull(),
  cidr: text('cidr').notNull(),
  note: text('note').notNull(),
  createdBy: uuid('created_by').notNull(),
  createdAt: at('created_at').notNull(),
})

export const customers = app.table('customers', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  status: text('status', { enum: ['active', 'restricted'] }).notNull(),
  name: encrypted('name').notNull(),
  email: encrypted('email'),
  emailEq: text('email_eq'),
  phone: encrypted('phone'),
  phoneEq: text('phone_eq'),
  address: text('address').$type<Encrypted<Address>>(),
  dateOfBirth: encrypted('date_of_birth'),
  nationalId: encrypted('national_id'),
  createdBy: text('created_by').notNull(),
  createdAt: at('created_at').notNull(),
})

/** A postal address, encrypted whole. */
export interface Address {
  readonly line1: string
  readonly line2?: string
  readonly city: string
  readonly postal_code?: string
  readonly country: string
}

export const pans = vault.table('pans', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  pan: encrypted('pan').notNull(),
  panEq: text('pan_eq').notNull(),
  createdAt: at('created_at').notNull(),
})

export const cardBrands = ['visa', 'mastercard', 'amex', 'discover', 'verve'] as const
export type CardBrand = (typeof cardBrands)[number]

export const cards = app.table('cards', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  customerId: uuid('customer_id').notNull(),
  vaultRef: uuid('vault_ref').notNull(),
  brand: text('brand', { enum: cardBrands }).notNull(),
  bin: text('bin').notNull(),
  last4: text('last4').notNull(),
  expMonth: smallint('exp_month').notNull(),
  expYear: smallint('exp_year').notNull(),
  status: text('status', { enum: ['active'] }).notNull(),
  cardholderName: encrypted('cardholder_name').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: at('created_at').notNull(),
})

export const payments = app.table('payments', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  customerId: uuid('customer_id').notNull(),
  cardId: uuid('card_id').notNull(),
  currency: text('currency', { enum: currencies }).notNull(),
  status: text('status', { enum: paymentStates }).notNull(),
  amount: text('amount').$type<Encrypted<number>>().notNull(),
  description: encrypted('description'),
  metadata: text('metadata').$type<Encrypted<Readonly<Record<string, string>>>>(),
  requestedBy: text('requested_by').notNull(),
  requestedByPerson: uuid('requested_by_person').notNull(),
  decidedBy: text('decided_by'),
  decidedAt: at('decided_at'),
  decisionId: text('decision_id'),
  policyHash: text('policy_hash'),
  createdAt: at('created_at').notNull(),
})

export const openings = app.table('openings', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  at: at('at').notNull(),
  requestId: text('request_id').notNull(),
  actor: text('actor').notNull(),
  purpose: text('purpose').notNull(),
  object: text('object').notNull(),
  rowIds: uuid('row_ids').array().notNull(),
  fields: text('fields').array().notNull(),
  keyIds: text('key_ids').array().notNull(),
  outcome: text('outcome', { enum: ['success', 'partial', 'failure'] }).notNull(),
  code: text('code'),
  decisionId: text('decision_id'),
  reason: text('reason'),
})

export const idempotencyKeys = app.table('idempotency_keys', {
  id: uuid('id').primaryKey(),
  tenantId: uuid('tenant_id').notNull(),
  principal: text('principal').notNull(),
  route: text('route').notNull(),
  key: text('key').notNull(),
  fingerprint: text('fingerprint').notNull(),
  status: smallint('status').notNull(),
  answer: encrypted('answer').notNull(),
  expiresAt: at('expires_at').notNull(),
})
