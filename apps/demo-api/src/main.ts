import { isFieldEncryptionError } from '@coffer/field-encryption'
import { type App, createApp } from './app.js'
import { checkBuildDate } from './build-date.js'
import { type Config, loadConfig } from './config.js'
import { type DataDirectory, openDataDirectory } from './data-directory.js'
import { systemClock } from './http/request-context.js'
import { failureName } from './http/request-log.js'
import { misconfigured, refuse, StartError } from './start-error.js'
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
  const directory = await openDataDirectory(config.dataDir)
  try {
    const kek = config.kek ?? (await directory.secret('kek'))
    const refreshSecret = config.refreshSecret ?? (await directory.secret('refresh-secret'))
    const { hostname } = new URL(config.publicUrl)
    const local = config.tls === undefined ? await directory.identity(hostname, now) : undefined
    const tls = config.tls ?? local
    if (tls === undefined) refuse('TLS_CERT', 'is required')
    const demo = config.profile === 'demo'
    const app = await createApp({
      publicUrl: config.publicUrl,
      tls,
      database:
        config.databaseUrl === undefined
          ? { kind: 'directory', path: directory.databasePath }
          : { kind: 'server', url: config.databaseUrl },
      kek,
      refreshSecret,
      seed: demo ? { sizes: demoSizes, secret: await directory.secret('sample-secret') } : null,
      securityContact: config.securityContact,
      production: !demo,
      accessTokenTtlSeconds: config.accessTokenTtlSeconds,
      ...(demo ? {} : { log: (line: string) => process.stdout.write(line) }),
    }).catch((error: unknown) => explainKek(error, directory))
    await listen(app, config)
    stopOnSignal({ app, directory })
    const seconds = (performance.now() - began) / 1000
    process.stdout.write(
      welcome({
        publicUrl: config.publicUrl,
        caFile: local?.caFile,
        credentials: app.credentials,
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

/** Data keys that do not open were wrapped by another KEK. One that this start made itself is taken back. */
async function explainKek(error: unknown, directory: DataDirectory): Promise<never> {
  if (!isFieldEncryptionError(error) || error.code !== 'COFFER_FIELD_ENCRYPTION_KEY_UNWRAP_FAILED') throw error
  const wasMade = directory.made.includes('kek')
  await directory.forgetMade()
  return refuse(
    'KEK',
    wasMade
      ? 'is required: the database was made with one that is not here'
      : 'is not the one this database was made with',
  )
}

async function listen(app: App, { httpsPort, profile }: Config): Promise<void> {
  try {
    await app.listen(httpsPort, profile === 'demo' ? '127.0.0.1' : '::')
  } catch (error) {
    await app.close()
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EADDRINUSE') refuse('HTTPS_PORT', `${httpsPort} is taken by another process`)
    if (code === 'EACCES') refuse('HTTPS_PORT', `${httpsPort} needs more rights than this process has`)
    throw error
  }
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
