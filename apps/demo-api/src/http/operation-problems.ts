import { type ProblemCode, problemStatus } from './problem.js'
import type { AnyRoute } from './route.js'

const everywhere: readonly ProblemCode[] = [
  'malformed-request',
  'validation-failed',
  'credential-in-url',
  'address-invalid',
  'url-too-long',
  'host-not-served',
  'rate-limited',
  'headers-too-large',
  'internal',
  'overloaded',
  'shutting-down',
]
const guarded: readonly ProblemCode[] = [
  'authentication-required',
  'token-invalid',
  'token-expired',
  'session-revoked',
  'network-not-allowed',
  'scope-insufficient',
  'permission-denied',
  'audit-unavailable',
  'state-stale',
  'database-unavailable',
]
const withBody: readonly ProblemCode[] = ['request-timeout', 'body-too-large', 'media-type-unsupported']
const withKey: readonly ProblemCode[] = ['idempotency-key-missing', 'idempotency-in-progress', 'idempotency-mismatch']

/** Whether the route asks for an Idempotency-Key. */
export function asksForKey({ schema }: AnyRoute): boolean {
  return schema.headers !== undefined && Object.hasOwn(schema.headers.properties, 'idempotency-key')
}

/** What a route may refuse with, by status: what its guards and its schema bring, and what it names itself. */
export function problemsByStatus(route: AnyRoute): ReadonlyMap<number, readonly ProblemCode[]> {
  const { permission, limit, schema, problems = [] } = route
  const codes = new Set<ProblemCode>([
    ...everywhere,
    ...(permission === 'public' ? [] : guarded),
    ...(limit === 'login' || limit === 'token' ? (['credentials-invalid', 'database-unavailable'] as const) : []),
    ...(schema.params === undefined ? [] : (['not-found'] as const)),
    ...(schema.body === undefined ? [] : withBody),
    ...(asksForKey(route) ? withKey : []),
    ...problems,
  ])
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const status = problemStatus[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return byStatus
}
