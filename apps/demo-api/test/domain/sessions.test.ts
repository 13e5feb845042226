import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTokens, type Tokens } from '../../src/auth/access-tokens.js'
import { createDirectory } from '../../src/auth/directory.js'
import { createRevocations, type Revocations } from '../../src/auth/revocations.js'
import { connect } from '../../src/db/connect.js'
import { loadMigrations, migrate } from '../../src/db/migrate.js'
import { readSnapshot } from '../../src/db/snapshot.js'
import { createDatabase, type Database } from '../../src/db/transaction.js'
import { createEncryption, type Encryption } from '../../src/encryption/tenant-keyrings.js'
import { formatId, newUuid } from '../../src/http/identifier.js'
import { manualClock } from '../http/api.js'

const publicUrl = 'https://localhost:8443'
const clock = manualClock(Date.now())
const tenantId = newUuid(clock.now())
const subject = formatId('usr', newUuid(clock.now()))
const refreshSecret = randomBytes(32)
let database: Database
let encryption: Encryption

/** The part of the API that issues and verifies, as each process over one database has it. */
interface Process extends Tokens {
  readonly revocations: Revocations
}

async function startProcess(): Promise<Process> {
  const revocations = await createRevocations({ database, issuer: publicUrl, clock })
  const directory = createDirectory({ database, clock })
  const admitsNetwork = () => Promise.resolve(true)
  const found = { directory, admitsNetwork }
  const tokens = await createTokens({ database, encryption, revocations, ...found, clock, publicUrl, refreshSecret })
  return { ...tokens, revocations }
}

function stop({ keys, revocations }: Process): void {
  keys.close()
  revocations.index.close()
}

const login = async ({ issuer }: Process) => {
  const issued = await issuer.issueWithRefresh({
    subject,
    clientId: 'test',
    audience: publicUrl,
    claims: { tenant: formatId('ten', tenantId) },
  })
  return { token: issued.toResponse().access_token, sessionId: issued.sessionId ?? '' }
}
const verdict = async ({ verifier }: Process, token: string) => {
  const result = await verifier.check({ headers: { authorization: `Bearer ${token}` } })
  return result.ok ? 'ok' : result.error.code
}

beforeAll(async () => {
  const migrations = await loadMigrations()
  const source = await connect({ kind: 'memory' }, { snapshot: await readSnapshot(migrations) })
  await migrate(source, migrations)
  database = createDatabase(source)
  encryption = await createEncryption({ database, kek: randomBytes(32), clock })
}, 60_000)
afterAll(async () => {
  encryption.close()
  await database.close()
})

test('a session that one process ends is over in another once it has read again, at most ten seconds later', async () => {
  const [here, there] = [await startProcess(), await startProcess()]
  const { token, sessionId } = await login(here)
  expect(await verdict(there, token)).toBe('ok')
  await here.issuer.revokeSession(sessionId)
  expect(await verdict(here, token)).toBe('COFFER_JWT_REVOKED')
  clock.advance(9_999)
  expect(await verdict(there, token)).toBe('ok')
  clock.advance(1)
  // This use starts the load; the embedded database answers it before the ping that comes after.
  await verdict(there, token)
  await database.ping()
  await expect.poll(() => verdict(there, token), { interval: 1, timeout: 10_000 }).toBe('COFFER_JWT_REVOKED')
  stop(here)
  stop(there)
})

test('a process that could not read revocations for a minute refuses every token', async () => {
  const process = await startProcess()
  const { token } = await login(process)
  clock.advance(59_999)
  expect(await verdict(process, token)).toBe('ok')
  await database.ping()
  await expect.poll(() => process.revocations.index.status().state, { interval: 1, timeout: 10_000 }).toBe('live')
  clock.advance(60_000)
  expect(await verdict(process, token)).toBe('COFFER_JWT_REVOCATION_UNAVAILABLE')
  stop(process)
})

test('ending a subject holds with the change that does it, or not at all', async () => {
  const process = await startProcess()
  const { token, sessionId } = await login(process)
  const failure = new Error('the change failed')
  await expect(
    database.tenant(tenantId, async (tx) => {
      expect(await process.revocations.endSubject(tx, subject)).toContain(sessionId)
      throw failure
    }),
  ).rejects.toBe(failure)
  expect(await verdict(process, token)).toBe('ok')

  const ended = await database.tenant(tenantId, (tx) => process.revocations.endSubject(tx, subject))
  expect(ended).toContain(sessionId)
  // The process is killed here: what comes after it knows of both.
  stop(process)
  const next = await startProcess()
  expect(await verdict(next, token)).toBe('COFFER_JWT_REVOKED')
  expect(await database.tenant(tenantId, (tx) => next.revocations.endSubject(tx, subject))).toEqual([])
  stop(next)
})

test('ended sessions are over in this process before it has read them again', async () => {
  const process = await startProcess()
  clock.advance(2_000)
  const { token, sessionId } = await login(process)
  await process.revocations.applySessions([sessionId, randomUUID()])
  expect(await verdict(process, token)).toBe('COFFER_JWT_REVOKED')
  stop(process)
})
