import type { PolicyDocument } from '@coffer/rbac'
import { createTokens } from './auth/access-tokens.js'
import { createDirectory } from './auth/directory.js'
import { createLogin } from './auth/login.js'
import { createLookup } from './auth/lookup.js'
import { createPasswords } from './auth/passwords.js'
import { createPrincipals } from './auth/principals.js'
import { createRevocations } from './auth/revocations.js'
import type { ConnectionSource, DatabaseLocation } from './db/connect.js'
import { openDatabase } from './db/open.js'
import { createDatabase } from './db/transaction.js'
import { startRetention } from './encryption/retention.js'
import { createEncryption } from './encryption/tenant-keyrings.js'
import { createApi } from './http/api.js'
import { createIdempotency } from './http/idempotency.js'
import { type LimitTable, planLimits } from './http/rate-limits.js'
import { type Clock, systemClock } from './http/request-context.js'
import { createDecisionLog } from './policy/decisions.js'
import { createPolicy, document } from './policy/policy.js'
import { domainRoutes } from './routes/domain.js'
import { healthRoutes } from './routes/health.js'
import { openApiRoutes } from './routes/openapi.js'
import { pageRoutes } from './routes/problems.js'
import { wellKnownRoutes } from './routes/well-known.js'
import { holdsOthers, holdsSamples, type SampleCredential, type SeedSizes, seedDemo } from './seed/seed.js'
import { testCards } from './seed/test-cards.js'
import { createListener, type ListenerLimits, listenerLimits, type TlsIdentity } from './server.js'
import { refuse } from './start-error.js'

/** Everything the API is made from. Nothing else is read: no environment, no setting, no other clock. */
export interface AppOptions {
  /** Fixes issuer, audience and the one accepted Host, such as `https://localhost:8443`. */
  readonly publicUrl: string
  readonly tls: TlsIdentity
  /** Where the rows are, or the database that {@link openDatabase} has opened there; the app closes it. */
  readonly database: DatabaseLocation | ConnectionSource
  /** 32 bytes: wraps the data keys. */
  readonly kek: Uint8Array
  /** At least 32 bytes: authenticates refresh tokens. */
  readonly refreshSecret: Uint8Array
  /** The demo's data, made in an empty database; an existing seed is left as it is. `null`: none. */
  readonly seed: DemoSeed | null
  readonly securityContact: string
  /**
   * Refuses what only a demo may have: sample data, and a database login that row security does not bind. Default `false`.
   */
  readonly production?: boolean
  readonly clock?: Clock
  readonly limits?: LimitTable
  /** What anyone may do. Default: the policy of `policy/policy.ts`. */
  readonly policy?: PolicyDocument
  readonly listener?: Partial<ListenerLimits>
  /** Seconds, 60..3600. Default 3600. */
  readonly accessTokenTtlSeconds?: number
  /** JSON lines: one a request, one for each data key of the platform, one for a clean-up that failed. Default: none. */
  readonly log?: (line: string) => void
}

export interface DemoSeed {
  readonly sizes: SeedSizes
  /** 32 bytes from which every sample password and API token is derived, so that a restart can print them again. */
  readonly secret: Uint8Array
}

/** The API, made but not listening. */
export interface App {
  /** What works now: a login for each role, and an API token. Empty without a seed, or when another secret made it. */
  readonly credentials: readonly SampleCredential[]
  /** The database as its login sees it: no row security. For the raw view of the tour, never for a route. */
  readonly source: ConnectionSource
  /** Whether it can work: it is not stopping, the database answers, keys and revocations are known. */
  isReady(): Promise<boolean>
  /** Opens the listener. Rejects when the port cannot be had. */
  listen(port: number, host?: string): Promise<void>
  /** Answers 503 to what is new, waits up to 10 s for what is running, closes the database. */
  close(): Promise<void>
}

const drainMs = 10_000

/** The composition root: each object is made once and handed on. */
export async function createApp(options: AppOptions): Promise<App> {
  const { publicUrl, tls, database: location, kek, refreshSecret, seed, securityContact } = options
  const { clock = systemClock, limits = planLimits, accessTokenTtlSeconds = 3600, log, production = false } = options
  const { policy: policyDocument = document } = options
  const caps = { ...listenerLimits, ...options.listener }

  const source = 'transaction' in location ? location : await openDatabase({ location, clock, boundLogin: production })
  try {
    const database = createDatabase(source)
    if (production && (await holdsSamples(database))) refuse('DATABASE_URL', 'holds the sample data of a demo')
    if (seed !== null && (await holdsOthers(database))) {
      refuse('COFFER_PROFILE', 'is to be production: the database holds a tenant that is no sample')
    }
    const policy = createPolicy(policyDocument, clock)
    const encryption = await createEncryption({ database, kek, clock, log })
    const passwords = await createPasswords()
    const credentials =
      seed === null
        ? []
        : await seedDemo({ database, encryption, passwords, clock, sizes: seed.sizes, secret: seed.secret })

    const directory = createDirectory({ database, clock })
    const revocations = await createRevocations({ database, issuer: publicUrl, clock })
    const principals = createPrincipals({ directory, revocations, policy, clock })
    const tokens = await createTokens({
      database,
      encryption,
      revocations,
      directory,
      admitsNetwork: principals.admits,
      clock,
      publicUrl,
      refreshSecret,
      accessTokenTtlSeconds,
    })
    const lookup = createLookup({ database, platform: encryption.platform })
    const decisions = createDecisionLog()
    const idempotency = createIdempotency()
    const login = createLogin({
      database,
      lookup,
      passwords,
      tokens,
      directory,
      admitsNetwork: principals.admits,
      clock,
      permissions: policy.permissions,
    })

    let stopping = false
    const isReady = () =>
      database
        .ping()
        .then(() => tokens.verifier.ready())
        .then(
          () => !stopping,
          () => false,
        )
    const acceptedPans = seed === null ? null : testCards
    const instance = await createApi({
      publicUrl,
      clock,
      limits,
      openings: encryption.openings,
      log,
      listener: (handler) => createListener(tls, caps, handler),
      handlerTimeoutMs: caps.handlerTimeoutMs,
      maxEventLoopDelayMs: caps.maxEventLoopDelayMs,
      permissions: policy.permissions,
      verifier: tokens.verifier,
      findPrincipal: principals.find,
      findPrincipalIn: principals.findIn,
      admitsNetwork: principals.admits,
      recordDecision: decisions.record,
      isStopping: () => stopping,
      routes: (document) => [
        ...healthRoutes({ isReady }),
        ...wellKnownRoutes({ publicUrl, securityContact, clock, jwks: () => tokens.keys.jwks() }),
        ...pageRoutes(),
        ...openApiRoutes({ document }),
        ...domainRoutes({
          encryption,
          tokens,
          login,
          passwords,
          lookup,
          principals,
          directory,
          policy,
          policyDocument,
          decisions,
          revocations,
          idempotency,
          acceptedPans,
        }),
      ],
    })

    const retention = startRetention({ database, clock, log })
    return {
      credentials,
      source,
      isReady,
      listen: async (port, host = '127.0.0.1') => {
        await instance.listen({ port, host })
      },
      close: async () => {
        stopping = true
        const cut = setTimeout(() => instance.server.closeAllConnections(), drainMs)
        await instance.close()
        clearTimeout(cut)
        await retention.stop()
        tokens.keys.close()
        revocations.index.close()
        encryption.close()
        await database.close()
      },
    }
  } catch (error) {
    await source.close()
    throw error
  }
}
