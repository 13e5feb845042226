import { createVerifier, isJwtError } from '@coffer/jwt'
import {
  createIssuer,
  createKeyRing,
  type Grant,
  type IssuedTokens,
  type KeyRing,
  type RefreshRequest,
} from '@coffer/jwt/issue'
import { postgresKeyRingStore, postgresRefreshStore } from '@coffer/jwt/postgres'
import type { Database } from '../db/transaction.js'
import type { Encryption } from '../encryption/tenant-keyrings.js'
import { parseId } from '../http/identifier.js'
import type { Clock } from '../http/request-context.js'
import type { Directory } from './directory.js'
import type { Principals } from './principals.js'
import { createRefreshFamilies, familyOwner } from './refresh-families.js'
import type { Revocations } from './revocations.js'
import { storeClient } from './store-client.js'

/** The claims of this API's own access tokens, over RFC 9068's. Rights are not among them. */
export interface FinCodeClaims {
  /** `ten_…` */
  readonly tenant: string
}

export interface TokensOptions {
  readonly database: Database
  readonly encryption: Encryption
  readonly revocations: Revocations
  readonly directory: Directory
  /** Whether the lists of a tenant and a subject admit an address. */
  readonly admitsNetwork: Principals['admits']
  readonly clock: Clock
  /** Issuer and audience both. */
  readonly publicUrl: string
  /** At least 32 bytes. */
  readonly refreshSecret: Uint8Array
  /** Default 3600. */
  readonly accessTokenTtlSeconds?: number
}

/** Issues and verifies this API's tokens. */
export interface Tokens {
  readonly verifier: ReturnType<typeof makeVerifier>
  readonly issuer: ReturnType<typeof createIssuer>
  readonly keys: KeyRing
  /** Issuer and audience of every token here. */
  readonly audience: string
  /**
   * Spends a refresh token for a caller at an address; from a network that its owner's lists exclude, nothing is spent.
   *
   * @throws {JwtError} `COFFER_JWT_REFRESH_INVALID` there, and those of `Issuer.refresh`.
   */
  refresh(refreshToken: string, request: RefreshRequest, address: string): Promise<IssuedTokens>
  /**
   * Starts a session. `null` when the subject's sessions were ended while it was being made.
   *
   * @throws {JwtError} those of `Issuer.issueWithRefresh`.
   */
  startSession(grant: Omit<Grant, 'audience'>): Promise<IssuedTokens | null>
  /** Puts {@link Revocations.endSubject} in force in this process, once its transaction has committed. */
  subjectEnded(subject: string, sessions: readonly string[]): Promise<void>
}

export async function createTokens(options: TokensOptions): Promise<Tokens> {
  const { database, encryption, revocations, directory, admitsNetwork, clock, publicUrl, refreshSecret } = options
  const { accessTokenTtlSeconds = 3600 } = options
  const accessTtlMs = accessTokenTtlSeconds * 1000
  const stored = { client: storeClient(database), issuer: publicUrl }
  const keys = await createKeyRing({
    issuer: publicUrl,
    algorithm: 'ES256',
    store: postgresKeyRingStore(stored),
    sealer: encryption.sealer,
    accessTtlMs,
    clock,
  })
  const families = createRefreshFamilies(postgresRefreshStore(stored), admitsNetwork)
  const issuer = createIssuer({
    issuer: publicUrl,
    keys,
    accessTtlMs,
    revocation: revocations.index,
    refresh: {
      store: families,
      secret: refreshSecret,
      // A user who was disabled meanwhile gets no further token.
      authorize: async (family) => {
        const owner = familyOwner(family)
        return owner !== null && (await directory.user(owner.tenantId, owner.userId)) !== null ? {} : null
      },
    },
    clock,
  })
  return {
    verifier: makeVerifier(publicUrl, keys, revocations, clock),
    issuer,
    keys,
    audience: publicUrl,
    refresh: (refreshToken, request, address) => families.from(address, () => issuer.refresh(refreshToken, request)),
    async startSession(grant) {
      try {
        return await issuer.issueWithRefresh({ ...grant, audience: publicUrl })
      } catch (error) {
        if (isJwtError(error) && error.code === 'COFFER_JWT_GRANT_REFUSED') return null
        throw error
      }
    },
    async subjectEnded(subject, sessions) {
      await revocations.applySessions(sessions)
      await issuer.revokeSubject(subject)
    },
  }
}

function makeVerifier(publicUrl: string, keys: KeyRing, revocations: Revocations, clock: Clock) {
  return createVerifier({
    issuers: [{ issuer: publicUrl, audience: publicUrl, algorithms: ['ES256'], keys, claims: finCodeClaims }],
    revocation: revocations.index,
    realm: 'fincode',
    clock,
  })
}

/** A Standard Schema (standardschema.dev) over the Claims Set. */
const finCodeClaims = {
  '~standard': {
    version: 1,
    vendor: 'fincode',
    validate(claims: unknown) {
      const tenant = memberOf(claims, 'tenant')
      if (typeof tenant !== 'string' || parseId('ten', tenant) === null) {
        return { issues: [{ message: 'not a tenant', path: ['tenant'] }] }
      }
      return { value: { tenant } satisfies FinCodeClaims }
    },
  },
} as const

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}
