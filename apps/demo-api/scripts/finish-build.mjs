// After tsc: what the build needs besides JavaScript. The migrations, the date before which no clock can be right, and
// an embedded database that is already migrated, so that the first start need not make one.
import { cp, writeFile } from 'node:fs/promises'

const dist = new URL('../dist/', import.meta.url)
const target = new URL('db/migrations/', dist)
await cp(new URL('../src/db/migrations/', import.meta.url), target, { recursive: true })
await writeFile(new URL('build-date.txt', dist), `${new Date().toISOString()}\n`)

const { loadMigrations } = await import(new URL('db/migrate.js', dist).href)
const { makeSnapshot } = await import(new URL('db/snapshot.js', dist).href)
await makeSnapshot(await loadMigrations())
