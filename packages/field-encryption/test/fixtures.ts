import {
  addDataKey,
  createKeyring,
  createLocalKeyEncryptionKey,
  type DataKeyRecord,
  type Keyring,
} from '@coffer/field-encryption'

const { COFFER_DEEP, COFFER_SEED } = process.env

/** The design's counts instead of the small ones. */
export const deep: boolean = COFFER_DEEP === '1'

/** Printed by whoever uses it, so that a failure can be repeated with COFFER_SEED. */
export const seed: number = COFFER_SEED === undefined ? Date.now() % 2 ** 31 : Number(COFFER_SEED)

/** A small generator, so that a run can be repeated from its seed alone. */
export function generator(from: number): (below: number) => number {
  let state = from >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) % below
  }
}

export const start: number = Date.UTC(2026, 0, 1)

/** A clock that tests set. */
export function fakeClock(at: number = start): { now(): number; set(to: number): void } {
  let current = at
  return {
    now: () => current,
    set: (to) => {
      current = to
    },
  }
}

export const kek = createLocalKeyEncryptionKey({ id: 'kek-a', key: new Uint8Array(32).fill(0x22) })

/** The code of the refusal; the name of the class for other errors; null when nothing was refused. */
export function refusal(work: () => unknown): string | null {
  try {
    work()
    return null
  } catch (error) {
    return codeOf(error)
  }
}

export async function rejection(promise: Promise<unknown>): Promise<string | null> {
  return promise.then(
    () => null,
    (error: unknown) => codeOf(error),
  )
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  return 'code' in error && typeof error.code === 'string'
    ? error.code.replace('COFFER_FIELD_ENCRYPTION_', '')
    : error.name
}

/** Two keys: version 1 decrypts, version 2 encrypts. */
export async function twoKeys(clock: { now(): number }): Promise<readonly DataKeyRecord[]> {
  const first = await addDataKey([], { keyEncryptionKey: kek, clock })
  return addDataKey(first, { keyEncryptionKey: kek, clock, activateAfterMs: 0 })
}

export async function ringOf(
  records: readonly DataKeyRecord[],
  options: { readonly clock?: { now(): number }; readonly backend?: 'auto' | 'node' | 'noble' } = {},
): Promise<Keyring> {
  return createKeyring({ keyEncryptionKeys: [kek], loadKeys: async () => records, ...options })
}
