import type { DatabaseLocation } from './db/connect.js'
import type { LimitTable } from './http/rate-limits.js'
import type { Clock } from './http/request-context.js'

/** How much the seed makes for each of the two tenants. */
export interface SeedSizes {
  readonly customers: number
  readonly cards: number
  readonly payments: number
}

/** One line of what the demo prints: a login or an API token that works now. Derived from `sampleSecret`, stored nowhere in clear. */
export type SampleCredential =
  | {
      readonly kind: 'user'
      readonly tenant: string
      readonly role: string
      readonly email: string
      readonly password: string
    }
  | {
      readonly kind: 'api-token'
      readonly tenant: string
      readonly role: string
      readonly tokenId: string
      readonly apiToken: string
    }

/** Everything the API is made from. Nothing else is read: no environment, no file, no other clock. */
export interface AppOptions {
  /** Fixes issuer, audience and the one accepted Host, such as `https://localhost:8443`. */
  readonly publicUrl: string
  readonly database: DatabaseLocation
  /** A data directory that PGlite dumped after the migrations; the embedded database starts from it when it is new. */
  readonly snapshot?: Blob
  /** 32 bytes: wraps the data keys. */
  readonly kek: Uint8Array
  /** At least 32 bytes: authenticates refresh tokens. */
  readonly refreshSecret: Uint8Array
  /** 32 bytes from which the seed derives every sample password and API token, so that a restart can print them again. */
  readonly sampleSecret: Uint8Array
  /** `null`: no demo data is made. An existing seed is left as it is. */
  readonly seed: SeedSizes | null
  readonly clock?: Clock
  readonly limits?: LimitTable
  /** Seconds, 60..3600. Default 3600. */
  readonly accessTokenTtlSeconds?: number
  readonly securityContact?: string
  /** One JSON line a request. Default: nothing is written. */
  readonly log?: (line: string) => void
}
