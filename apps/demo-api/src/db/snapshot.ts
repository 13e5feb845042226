import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { PGlite } from '@electric-sql/pglite'
import { fromEmbedded } from './connect.js'
import { fingerprint, type Migration, migrate } from './migrate.js'

const folder = new URL('../../.cache/', import.meta.url)

/** One file for each set of migrations and each release of the embedded database. */
async function snapshotUrl(migrations: readonly Migration[]): Promise<URL> {
  const { dependencies } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as Manifest
  const release = dependencies['@electric-sql/pglite']
  const hash = createHash('sha256')
    .update(`${release}\n${fingerprint(migrations)}`)
    .digest('hex')
  return new URL(`database-${hash.slice(0, 16)}.tar.gz`, folder)
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
}

/**
 * The migrated, empty database that the build has made; `undefined` where there is none. Starting from it takes a second
 * less than creating a cluster takes alone, several less on a small machine.
 */
export async function readSnapshot(migrations: readonly Migration[]): Promise<Blob | undefined> {
  try {
    return new Blob([await readFile(await snapshotUrl(migrations))], { type: 'application/x-gzip' })
  } catch {
    return undefined
  }
}

/** Makes the snapshot of these migrations unless it is there. It holds no row and no secret. */
export async function makeSnapshot(migrations: readonly Migration[]): Promise<void> {
  if ((await readSnapshot(migrations)) !== undefined) return
  const database = await PGlite.create()
  await migrate(fromEmbedded(database, 'memory'), migrations)
  await database.exec('CHECKPOINT')
  const dump = await database.dumpDataDir('gzip')
  await database.close()
  const target = await snapshotUrl(migrations)
  const draft = new URL(`${target.href}.${process.pid}.draft`)
  await mkdir(folder, { recursive: true })
  await writeFile(draft, Buffer.from(await dump.arrayBuffer()))
  await rename(draft, target)
}
