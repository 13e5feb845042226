import type { JsonValue } from '../strict-json.js'

/** What a subject was granted, from which tokens are made. */
export interface Grant {
  /** `sub`. */
  readonly subject: string
  /** `client_id`. */
  readonly clientId: string
  /** `aud`: one, or at most 64. */
  readonly audience: string | readonly string[]
  /** `scope`, as values of RFC 6749 §3.3. Default: none. */
  readonly scope?: readonly string[]
  /** `auth_time`, in epoch milliseconds. */
  readonly authenticatedAt?: number
  readonly acr?: string
  readonly amr?: readonly string[]
  /** Further claims of the access token; they may name none that this package writes itself. */
  readonly claims?: Readonly<Record<string, JsonValue>>
}
