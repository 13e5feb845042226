import { assertMethods, assertOptions, checkInteger } from '../check-options.js'
import { type Clock, systemClock } from '../clock.js'
import { isEqual } from '../equal-bytes.js'
import { JwtError } from '../errors.js'
import type { KeyRingStore } from './key-ring-options.js'
import type { FamilyState, NewFamily, RefreshStore, RevokeTarget, RotationStep } from './refresh-store.js'

interface Family {
  readonly id: string
  readonly grant: NewFamily['grant']
  generation: number
  current: Uint8Array
  previous: Uint8Array | undefined
  salt: Uint8Array | undefined
  rotatedAt: number
  idleUntil: number
  readonly endsAt: number
  revoked: boolean
}

/**
 * A refresh store in this process: every session ends with it. For tests, demos and single processes.
 *
 * @param options - `max` families (required); when that many are live, `create` fails with `COFFER_JWT_STORE_UNAVAILABLE`.
 */
export function memoryRefreshStore(options: { readonly max: number; readonly clock?: Clock }): RefreshStore {
  assertOptions(options, 'memoryRefreshStore', ['max', 'clock'])
  const { clock = systemClock } = options
  const max = checkInteger(options.max, 'max', 1, 10_000_000)
  assertMethods(clock, 'clock', ['now'])
  const families = new Map<string, Family>()
  return Object.freeze({
    async create(family: NewFamily): Promise<void> {
      const now = clock.now()
      if (families.size >= max) dropEnded(families, now)
      if (families.size >= max || families.has(family.id)) throw new JwtError('COFFER_JWT_STORE_UNAVAILABLE')
      families.set(family.id, newFamily(family, now))
    },
    async rotate(step: RotationStep): Promise<FamilyState | undefined> {
      const now = clock.now()
      const family = families.get(step.id)
      if (family === undefined || phaseOf(family, now) !== 'live' || !fits(family, step)) return undefined
      family.generation++
      family.previous = family.current
      family.current = Uint8Array.from(step.to)
      family.salt = Uint8Array.from(step.salt)
      family.rotatedAt = now
      family.idleUntil = now + step.idleMs
      return stateOf(family, now)
    },
    async read(id: string): Promise<FamilyState | undefined> {
      const family = families.get(id)
      return family === undefined ? undefined : stateOf(family, clock.now())
    },
    async revoke(target: RevokeTarget): Promise<readonly string[]> {
      const now = clock.now()
      const ended = [...families.values()].filter(
        (family) => isTarget(family, target) && phaseOf(family, now) === 'live',
      )
      for (const family of ended) family.revoked = true
      return ended.map((family) => family.id)
    },
  })
}

function newFamily(family: NewFamily, now: number): Family {
  return {
    id: family.id,
    grant: structuredClone(family.grant),
    generation: 0,
    current: Uint8Array.from(family.current),
    previous: undefined,
    salt: undefined,
    rotatedAt: now,
    idleUntil: now + family.idleMs,
    endsAt: now + family.lifetimeMs,
    revoked: false,
  }
}

function phaseOf(family: Family, now: number): FamilyState['phase'] {
  if (family.revoked) return 'revoked'
  return now < family.idleUntil && now < family.endsAt ? 'live' : 'expired'
}

function stateOf(family: Family, now: number): FamilyState {
  const { id, grant, generation, current, previous, salt, rotatedAt } = family
  return structuredClone({
    id,
    grant,
    phase: phaseOf(family, now),
    generation,
    current,
    previous,
    salt,
    rotatedAgeMs: now - rotatedAt,
  })
}

/** Compares hashes, not secrets: what time it takes tells nothing that opens anything. */
function fits(family: Family, step: RotationStep): boolean {
  return (
    family.grant.clientId === step.clientId &&
    family.generation === step.generation &&
    isEqual(family.current, step.from)
  )
}

function isTarget(family: Family, target: RevokeTarget): boolean {
  if ('session' in target) return family.id === target.session
  if ('subject' in target) return family.grant.subject === target.subject
  return family.grant.clientId === target.client
}

function dropEnded(families: Map<string, Family>, now: number): void {
  for (const family of families.values()) if (phaseOf(family, now) !== 'live') families.delete(family.id)
}

/** A key ring store in this process: its keys end with it. For tests and demos. */
export function memoryKeyRingStore(): KeyRingStore {
  let record: { readonly version: number; readonly body: string } | undefined
  return Object.freeze({
    read: async () => record,
    async write(body: string, expected: number | undefined): Promise<boolean> {
      if (record?.version !== expected) return false
      record = Object.freeze({ version: (expected ?? 0) + 1, body })
      return true
    },
  })
}
