import { loadMigrations } from '../../src/db/migrate.js'
import { makeSnapshot } from '../../src/db/snapshot.js'

/** Once a run: the migrated, empty database that every embedded one starts from. Making a cluster takes seconds each. */
export async function setup(): Promise<void> {
  await makeSnapshot(await loadMigrations())
}
