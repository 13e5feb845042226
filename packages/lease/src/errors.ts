/** Every stable error code of this package. Adding one is minor; renaming or removing one is major. */
export type LeaseErrorCode =
  | 'COFFER_LEASE_BACKING_OFF'
  | 'COFFER_LEASE_CLOSED'
  | 'COFFER_LEASE_STALE_RESULT'
  | 'COFFER_LEASE_TERMINAL'
  | 'COFFER_LEASE_TIMEOUT'

const messages: Readonly<Record<LeaseErrorCode, string>> = {
  COFFER_LEASE_BACKING_OFF: 'the last refresh failed and the next is not yet due',
  COFFER_LEASE_CLOSED: 'the lease is closed',
  COFFER_LEASE_STALE_RESULT: 'the source gave a value that is already over or no newer than the one held',
  COFFER_LEASE_TERMINAL: 'the last refresh failed for good and no new attempt is due',
  COFFER_LEASE_TIMEOUT: 'the source took longer than sourceTimeoutMs',
}

/** Thrown where a lease has no value to give and no error of the source's own. Carries no value. */
export class LeaseError extends Error {
  override readonly name: string = 'LeaseError'
  readonly code: LeaseErrorCode
  /** Epoch milliseconds of the next attempt, where one is known. */
  readonly retryAt: number | undefined
  constructor(code: LeaseErrorCode, retryAt?: number) {
    super(messages[code])
    this.code = code
    this.retryAt = retryAt
  }
}

/** Whether `error` is a {@link LeaseError} of this or another copy of the package. */
export function isLeaseError(error: unknown): error is LeaseError {
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    error.code.startsWith('COFFER_LEASE_')
  )
}
