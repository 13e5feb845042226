import {
  chain,
  clientCredentials,
  clientSecretBasic,
  createTokenCache,
  passwordLogin,
  publicClient,
  refreshToken,
  type TokenCache,
  type TokenStore,
  tokenEndpoint,
} from '@coffer/token-cache'
import type { ApiTokenCredential, PersonCredential } from './credentials.js'

/** The client ID under which people log in here; a refresh token serves no other. */
export const clientId = 'fincode-demo-client'

export interface TokenOptions<Credential> {
  /** The API's origin, which is its issuer too. */
  readonly issuer: string
  readonly credential: Credential
  readonly fetch: typeof fetch
  readonly clock: { now(): number; monotonic(): number }
  /** Where tokens outlive the process, sealed. Absent: in memory. */
  readonly store?: TokenStore
}

/** Access tokens for a program: its API token, exchanged (RFC 6749 §4.4). */
export function programTokens({
  issuer,
  credential,
  fetch,
  clock,
  store,
}: TokenOptions<ApiTokenCredential>): TokenCache {
  const endpoint = tokenEndpoint({
    issuer,
    url: `${issuer}/v1/oauth/token`,
    client: clientSecretBasic(credential.tokenId, credential.apiToken),
    fetch,
  })
  return createTokenCache({ grant: clientCredentials(endpoint), max: 10, clock, ...(store && { store }) })
}

/** Access tokens for a person: one login, then refresh tokens, and a login again only when those are lost. */
export function personTokens({ issuer, credential, fetch, clock, store }: TokenOptions<PersonCredential>): TokenCache {
  const client = publicClient(clientId)
  const login = tokenEndpoint({ issuer, url: `${issuer}/v1/auth/login`, client, body: 'json', fetch })
  // The API answers a refresh token that is sent again within ten seconds with the same successor.
  const refresh = tokenEndpoint({
    issuer,
    url: `${issuer}/v1/oauth/token`,
    client,
    rotation: { graceMs: 10_000 },
    fetch,
  })
  const { email, password } = credential
  return createTokenCache({
    grant: chain(refreshToken(refresh), passwordLogin(login, { subject: email, password })),
    max: 10,
    clock,
    ...(store && { store }),
  })
}
