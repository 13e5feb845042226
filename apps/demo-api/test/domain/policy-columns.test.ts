import type { Condition } from '@coffer/rbac'
import { getTableConfig } from 'drizzle-orm/pg-core'
import { describe, expect, test } from 'vitest'
import { cards, customers, payments, roleAssignments, users } from '../../src/db/schema.js'
import { document } from '../../src/policy/policy.js'

/** What a list filters in the database: the permission, its resource, and the table whose rows it shows. */
const lists = [
  ['customer:read', 'customer', customers],
  ['card:read', 'card', cards],
  ['payment:read', 'payment', payments],
  ['user:read', 'user', users],
  ['assignment:read', 'assignment', roleAssignments],
] as const

const ciphertext = new Set(['name', 'email', 'phone', 'address', 'date_of_birth', 'national_id', 'amount', 'metadata'])

interface Attribute {
  readonly column?: string
  readonly columnType?: string
}

function attributesOf(resource: (typeof lists)[number][1]): Readonly<Record<string, Attribute>> {
  return Object.fromEntries(
    Object.entries(document.resources[resource].attributes).map(([name, attribute]) => [
      name,
      typeof attribute === 'object' && !Array.isArray(attribute) ? (attribute as Attribute) : {},
    ]),
  )
}

/** Attributes of the row that a condition reads, on either side. */
function read(condition: Condition | undefined): readonly string[] {
  const text = JSON.stringify(condition ?? {})
  return [...text.matchAll(/resource\.([A-Za-z]+)/g)].map(([, name]) => name ?? '')
}

function covers(pattern: string | readonly string[], permission: string): boolean {
  const [resource] = permission.split(':')
  return [pattern].flat().some((one) => one === permission || one === `${resource}:*`)
}

describe.each(lists)('rules on %s', (permission, resource, table) => {
  const columns = new Map(getTableConfig(table).columns.map((column) => [column.name, column.getSQLType()]))
  const attributes = attributesOf(resource)

  test('name columns that the table has, of the type that it has', () => {
    for (const [name, { column = name, columnType }] of Object.entries(attributes)) {
      if (columnType === 'uuid') expect([column, columns.get(column)]).toEqual([column, 'uuid'])
    }
    expect(Object.values(attributes).filter(({ columnType }) => columnType === 'uuid').length).toBeGreaterThan(0)
  })

  test('read nothing of a row that its table has not in clear', () => {
    const rules = [...Object.values(document.roles).flatMap(({ permit }) => [...permit]), ...document.deny].filter(
      (rule) => typeof rule === 'object' && covers(rule.permission, permission),
    )
    const names = rules.flatMap((rule) => (typeof rule === 'object' && 'when' in rule ? read(rule.when) : []))
    for (const name of ['tenantId', ...names]) {
      const column = attributes[name]?.column ?? name
      expect([name, columns.has(column) && !ciphertext.has(column)]).toEqual([name, true])
    }
  })
})
