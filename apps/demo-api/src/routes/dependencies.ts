import type { PolicyDocument } from '@coffer/rbac'
import type { Tokens } from '../auth/access-tokens.js'
import type { Directory } from '../auth/directory.js'
import type { Login } from '../auth/login.js'
import type { Lookup } from '../auth/lookup.js'
import type { Passwords } from '../auth/passwords.js'
import type { Principals } from '../auth/principals.js'
import type { Revocations } from '../auth/revocations.js'
import type { Encryption } from '../encryption/tenant-keyrings.js'
import type { Idempotency } from '../http/idempotency.js'
import type { DecisionLog } from '../policy/decisions.js'
import type { FinCodePolicy } from '../policy/policy.js'

/** What the routes are made from; the composition root makes each once. */
export interface RouteDependencies {
  /** Without a tenant's tables: a request's come with its context, and are held against their keys there. */
  readonly encryption: Omit<Encryption, 'openings' | 'tenant'>
  readonly tokens: Tokens
  readonly login: Login
  readonly principals: Principals
  readonly passwords: Passwords
  readonly lookup: Lookup
  readonly directory: Directory
  readonly policy: FinCodePolicy
  /** What the policy was compiled from, to be shown. */
  readonly policyDocument: PolicyDocument
  readonly decisions: DecisionLog
  readonly revocations: Revocations
  readonly idempotency: Idempotency
  /** Card numbers this deployment may store: published test numbers in the demo. `null`: any of a known brand. */
  readonly acceptedPans: ReadonlySet<string> | null
}
