import type { IssuedTokens } from '@coffer/jwt/issue'
import type { Database } from '../db/transaction.js'
import { formatId, parseId } from '../http/identifier.js'
import { Problem } from '../http/problem.js'
import type { Clock } from '../http/request-context.js'
import type { Tokens } from './access-tokens.js'
import { isUnchanged } from './account-lock.js'
import { hashApiToken, isApiToken, sameTokenHash } from './api-tokens.js'
import type { Directory } from './directory.js'
import type { Account, Lookup, TokenAccount } from './lookup.js'
import type { Passwords } from './passwords.js'
import type { Principals } from './principals.js'

/** What a login without a client ID is issued to. */
export const defaultClientId = 'fincode-login'

export interface LoginOptions {
  readonly database: Database
  readonly lookup: Lookup
  readonly passwords: Passwords
  readonly tokens: Tokens
  readonly directory: Directory
  /** Whether the tenant's list and the API token's own list admit the address. */
  readonly admitsNetwork: Principals['admits']
  readonly clock: Clock
  /** Every scope there is: the policy's permissions. */
  readonly permissions: readonly string[]
}

/** Turns credentials into tokens. */
export interface Login {
  /** @throws {Problem} `credentials-invalid` for an unknown, disabled, mistyped or excluded account alike; `validation-failed`. */
  withPassword(credentials: PasswordCredentials, address: string): Promise<IssuedTokens>
  /** @throws {Problem} `credentials-invalid`, `validation-failed` (scope) */
  withApiToken(credentials: ApiTokenCredentials, scope: string | undefined, address: string): Promise<IssuedTokens>
  /** @throws {Problem} `credentials-invalid` (invalid_client) */
  apiTokenAccount(credentials: ApiTokenCredentials): Promise<TokenAccount>
  /** Whether the password is this active account's; costs the same for every answer. */
  verify(account: Account | null, password: string): Promise<boolean>
}

export interface PasswordCredentials {
  readonly email: string
  readonly password: string
  readonly clientId: string | undefined
  readonly scope: string | undefined
}

export interface ApiTokenCredentials {
  readonly tokenId: string
  readonly apiToken: string
}

export function createLogin(options: LoginOptions): Login {
  const { database, lookup, passwords, tokens, directory, admitsNetwork, clock, permissions } = options

  async function verify(account: Account | null, password: string): Promise<boolean> {
    const usable = account !== null && account.status === 'active'
    const matches = await passwords.verify(account?.passwordHash ?? null, password)
    return usable && matches
  }

  const refused = () =>
    new Problem('credentials-invalid', {
      oauthError: 'invalid_client',
      challenge: 'Basic realm="fincode", charset="UTF-8"',
    })

  async function apiTokenAccount({ tokenId, apiToken }: ApiTokenCredentials): Promise<TokenAccount> {
    const id = parseId('tok', tokenId)
    if (id === null || !isApiToken(apiToken)) throw refused()
    const account = await lookup.tokenById(id)
    if (account === null || !sameTokenHash(account.tokenHash, hashApiToken(apiToken))) throw refused()
    // Not revoked and its owner still active: the same look-up as at every later request.
    const subject = await directory.apiToken(account.tenantId, id)
    if (subject === null || account.revokedAt !== null || clock.now() >= account.expiresAt) throw refused()
    return account
  }

  return {
    verify,
    async withPassword({ email, password, clientId = defaultClientId, scope }, address) {
      const account = await lookup.accountByEmail(email)
      // Both always, side by side: from an excluded network neither the answer nor its time tells whether the password is
      // right.
      const [matches, admitted] = await Promise.all([
        verify(account, password),
        account !== null && admitsNetwork({ tenantId: account.tenantId, id: formatId('usr', account.id) }, address),
      ])
      if (account === null || !matches || !admitted) {
        throw new Problem('credentials-invalid', { oauthError: 'invalid_grant' })
      }
      const issued = await tokens.startSession({
        subject: formatId('usr', account.id),
        clientId,
        // Without a scope the token carries none, and the roles alone are the bound.
        ...(scope === undefined ? {} : { scope: narrow(scope, permissions) }),
        authenticatedAt: clock.now(),
        claims: { tenant: formatId('ten', account.tenantId) },
      })
      if (issued === null) throw new Problem('credentials-invalid', { oauthError: 'invalid_grant' })
      // Made first, looked at second: a new password or a disabled account that commits before this look is seen, and one
      // that commits after it finds the session and ends it.
      if (!(await database.tenant(account.tenantId, (tx) => isUnchanged(tx, account, 'share')))) {
        if (issued.sessionId !== undefined) await tokens.issuer.revokeSession(issued.sessionId)
        throw new Problem('credentials-invalid', { oauthError: 'invalid_grant' })
      }
      return issued
    },
    apiTokenAccount,
    async withApiToken(credentials, scope, address) {
      const { tenantId, scopes } = await apiTokenAccount(credentials)
      if (!(await admitsNetwork({ tenantId, id: credentials.tokenId }, address))) throw refused()
      return tokens.issuer.issue({
        subject: credentials.tokenId,
        clientId: credentials.tokenId,
        audience: tokens.audience,
        scope: narrow(scope, scopes),
        claims: { tenant: formatId('ten', tenantId) },
      })
    },
  }
}

/** The scope asked for, if it is within what may be had; all of it when none is named (RFC 6749 §3.3). */
function narrow(scope: string | undefined, allowed: readonly string[]): readonly string[] {
  if (scope === undefined) return allowed
  const wanted = scope.split(' ')
  if (wanted.some((value) => !allowed.includes(value)) || new Set(wanted).size !== wanted.length) {
    throw new Problem('validation-failed', {
      oauthError: 'invalid_scope',
      errors: [{ pointer: '/body/scope', rule: 'scope' }],
    })
  }
  return wanted
}
