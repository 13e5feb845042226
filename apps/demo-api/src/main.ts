import { createServer } from 'node:net'
import { isFieldEncryptionError } from '@coffer/field-encryption'
import { type App, createApp } from './app.js'
import { checkBuildDate } from './build-date.js'
import { type Config, loadConfig } from './config.js'
import { type DataDirectory, openDataDirectory } from './data-directory.js'
import { openDatabase } from './db/open.js'
import { KeysLostError } from './encryption/keyrings.js'
import { systemClock } from './http/request-context.js'
import { failureName } from './http/request-log.js'
import { misconfigured, refuse, StartError, type StartFault } from './start-error.js'
import { welcome } from './welcome.js'

/** The demo's data: two tenants of this size each. */
const demoSizes = { customers: 40, cards: 60, payments: 120 }

interface Running {
  readonly app: App
  readonly directory: DataDirectory
}

async function start(): Promise<void> {
  const began = performance.now()
  const now = systemClock.now()
  await checkBuildDate(now)
  const config = loadConfig(process.env, now)
  const demo = config.profile === 'demo'
  // What can be refused is asked before anything is made: first the port, then the database, then secrets and certificate.
  await checkPort(config)
  const directory = await openDataDirectory(config.dataDir)
  try {
    const database = await openDatabase({
      location:
        config.databaseUrl === undefined
          ? { kind: 'directory', path: directory.databasePath }
          : { kind: 'server', url: config.databaseUrl },
      clock: systemClock,
      boundLogin: !demo,
    })
    const local =
      config.tls === undefined ? await directory.identity(new URL(config.publicUrl).hostname, now) : undefined
    const tls = config.tls ?? local
    if (tls === undefined) refuse('TLS_CERT', 'is required')
    const app = await createApp({
      publicUrl: config.publicUrl,
      tls,
      database,
      kek: config.kek ?? (await directory.secret('kek')),
      refreshSecret: config.refreshSecret ?? (await directory.secret('refresh-secret')),
      seed: demo ? { sizes: demoSizes, secret: await directory.secret('sample-secret') } : null,
      securityContact: config.securityContact,
      production: !demo,
      accessTokenTtlSeconds: config.accessTokenTtlSeconds,
      ...(demo ? {} : { log: (line: string) => process.stdout.write(line) }),
    }).catch((error: unknown) => explainKeys(error, directory, config))
    // Nothing of this database was made from a new secret that gives none of its logins.
    if (demo && app.credentials.length === 0) await directory.forgetMade(['sample-secret'])
    await local?.keep()
    await listen(app, config)
    stopOnSignal({ app, directory })
    const seconds = (performance.now() - began) / 1000
    process.stdout.write(
      welcome({
        publicUrl: config.publicUrl,
        caFile: local?.caFile,
        credentials: demo ? app.credentials : null,
        dataDir: directory.path,
        madeSecrets: directory.made,
        seconds,
      }),
    )
  } catch (error) {
    await directory.release()
    throw error
  }
}

/** Data keys that cannot be used are refused by the setting that can mend it. What a refused start made is taken back. */
async function explainKeys(error: unknown, directory: DataDirectory, config: Config): Promise<never> {
  if (error instanceof StartError) await directory.forgetMade()
  const fault = keyFault(error, directory.made.includes('kek'), config)
  if (fault === undefined) throw error
  await directory.forgetMade()
  return refuse(fault.setting, fault.fault)
}

function keyFault(error: unknown, wasMade: boolean, { databaseUrl }: Config): StartFault | undefined {
  const database = databaseUrl === undefined ? 'DATA_DIR' : 'DATABASE_URL'
  if (error instanceof KeysLostError) return { setting: database, fault: 'holds rows whose data keys are gone' }
  if (!isFieldEncryptionError(error)) return undefined
  if (error.code === 'COFFER_FIELD_ENCRYPTION_KEYRING_INVALID')
    return { setting: database, fault: 'holds a data key that cannot be read' }
  if (error.code !== 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED') return undefined
  return wasMade
    ? { setting: 'KEK', fault: 'is required: the database was made with one that is not here' }
    : { setting: 'KEK', fault: 'is not the one this database was made with' }
}

async function listen(app: App, config: Config): Promise<void> {
  try {
    await app.listen(config.httpsPort, hostOf(config))
  } catch (error) {
    await app.close()
    explainPort(error, config)
  }
}

/** Takes the port for a moment: one that is taken is found out before half a minute of work is done for it. */
async function checkPort(config: Config): Promise<void> {
  const probe = createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject)
      probe.listen({ port: config.httpsPort, host: hostOf(config) }, resolve)
    })
  } catch (error) {
    explainPort(error, config)
  }
  await new Promise((resolve) => probe.close(resolve))
}

function hostOf({ profile }: Config): string {
  return profile === 'demo' ? '127.0.0.1' : '::'
}

function explainPort(error: unknown, { httpsPort }: Config): never {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') refuse('HTTPS_PORT', `${httpsPort} is taken by another process`)
  if (code === 'EACCES') refuse('HTTPS_PORT', `${httpsPort} needs more rights than this process has`)
  throw error
}

/** One key press reaches this process once from the terminal and again from each launcher that passes it on. */
const samePressMs = 500

/** The first signal stops in order, a second one at once. */
function stopOnSignal({ app, directory }: Running): void {
  let stoppingSince: number | undefined
  const stop = () => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > samePressMs) process.exit(1)
      return
    }
    stoppingSince = performance.now()
    process.stdout.write('\nStopping …\n')
    app
      .close()
      .then(() => directory.release())
      .then(() => process.exit(0), fail)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

/** One line. A message of ours names a setting and shows no value; another's may quote anything, so only its name is told. */
function fail(error: unknown): never {
  if (error instanceof StartError) {
    process.stderr.write(`demo-api refuses to start: ${error.message}\n`)
    process.exit(misconfigured)
  }
  process.stderr.write(`demo-api stopped: ${failureName(error)}\n`)
  process.exit(1)
}

process.on('uncaughtException', fail)
start().catch(fail)
