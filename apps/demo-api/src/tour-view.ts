import type { Connection, ConnectionSource } from './db/connect.js'
import { idPrefixes, parseId } from './http/identifier.js'

/** The database past the API: what a thief of the disk would read. */
export interface TourView {
  row(table: string, rowId: string): Promise<Readonly<Record<string, unknown>>>
  dump(): Promise<readonly string[]>
}

interface TableName {
  readonly schema: string
  readonly name: string
}

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A view with the rights of the login, which on the embedded database are a superuser's: row security hides nothing here. */
export function createTourView(source: ConnectionSource): TourView {
  return {
    row: (table, rowId) =>
      source.transaction(async (connection) => {
        const [schema, name] = table.includes('.') ? table.split('.') : ['app', table]
        // The name is looked up, never pasted: what is not a table of ours is none.
        const known = (await tablesOf(connection)).find((one) => one.schema === schema && one.name === name)
        const uuid = uuidOf(rowId)
        if (known === undefined || uuid === null) throw new RangeError('no such table or ID')
        const { rows } = await connection.query<{ row: Record<string, unknown> }>(
          `SELECT to_jsonb(t) AS row FROM ${quoted(known)} AS t WHERE t.id = $1`,
          [uuid],
        )
        const [found] = rows
        if (found === undefined) throw new RangeError('no such row')
        return found.row
      }),
    dump: () =>
      source.transaction(async (connection) => {
        const texts: string[] = []
        for (const table of await tablesOf(connection)) {
          const { rows } = await connection.query<{ row: string }>(
            `SELECT to_jsonb(t)::text AS row FROM ${quoted(table)} AS t`,
          )
          texts.push(...rows.map(({ row }) => row))
        }
        return texts
      }),
  }
}

async function tablesOf(connection: Connection): Promise<readonly TableName[]> {
  const { rows } = await connection.query<TableName>(
    `SELECT schemaname AS schema, tablename AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2`,
  )
  return rows
}

function quoted({ schema, name }: TableName): string {
  return [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}

function uuidOf(rowId: string): string | null {
  if (uuidForm.test(rowId)) return rowId
  for (const prefix of idPrefixes) {
    const uuid = parseId(prefix, rowId)
    if (uuid !== null) return uuid
  }
  return null
}
