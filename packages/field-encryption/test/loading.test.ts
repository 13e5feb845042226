import { addDataKey, createKeyring, createSealer, type DataKeyRecord } from '@coffer/field-encryption'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { codeOf, fakeClock, kek, refusal, rejection, start } from './fixtures.js'

const hour = 3_600_000
const none = new Uint8Array(0)

afterEach(() => {
  vi.useRealTimers()
})

/** Everything that is due at once has run. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A keyring over a store whose next answers can be held back. */
async function store() {
  const clock = fakeClock()
  const state = {
    records: await addDataKey([], { keyEncryptionKey: kek, clock }),
    loads: 0,
    held: false,
    answers: [] as (() => void)[],
  }
  const loadKeys = async (): Promise<readonly DataKeyRecord[]> => {
    state.loads += 1
    const { records, held } = state
    if (held) await new Promise<void>((resolve) => state.answers.push(resolve))
    return records
  }
  const keyring = await createKeyring({ keyEncryptionKeys: [kek], clock, loadKeys })
  const sealer = createSealer({ keyring, name: 'test' })
  const destroyAll = () => {
    state.records = state.records.map((record) => ({ ...record, state: 'destroyed', wrapped: '', check: '' }))
  }
  return { clock, state, keyring, sealer, destroyAll }
}

describe('a refresh during a load', () => {
  test('sees what changed after that load had asked', async () => {
    const { clock, state, keyring, sealer, destroyAll } = await store()
    const sealed = sealer.encrypt(none, none)
    state.held = true
    clock.set(start + hour / 2 + 1)
    sealer.decrypt(sealed, none)
    await turn()
    expect(state.loads).toBe(2)
    destroyAll()
    state.held = false
    const refreshed = keyring.refresh()
    for (const answer of state.answers) answer()
    await refreshed
    expect(keyring.keys.map((key) => key.state)).toEqual(['destroyed'])
    expect(refusal(() => sealer.decrypt(sealed, none))).toBe('KEY_UNAVAILABLE')
  })

  test('is one more load for all who ask for it', async () => {
    const { state, keyring } = await store()
    state.held = true
    const first = keyring.refresh()
    await turn()
    const others = Array.from({ length: 100 }, () => keyring.refresh())
    state.held = false
    for (const answer of state.answers) answer()
    await Promise.all([first, ...others])
    expect(state.loads).toBe(3)
  })

  test('loads although the load before it failed', async () => {
    const clock = fakeClock()
    const records = await addDataKey([], { keyEncryptionKey: kek, clock })
    let loads = 0
    const loadKeys = async () => {
      loads += 1
      await turn()
      if (loads === 2) throw new Error('down')
      return records
    }
    const keyring = await createKeyring({ keyEncryptionKeys: [kek], clock, loadKeys })
    const failing = rejection(keyring.refresh())
    await Promise.resolve()
    await Promise.resolve()
    expect(loads).toBe(2)
    await keyring.refresh()
    expect([await failing, loads]).toEqual(['KEYRING_UNAVAILABLE', 3])
  })
})

describe('a load that never answers', () => {
  test('sets no timer while a keyring is made, which then waits for it', async () => {
    const clock = fakeClock()
    const records = await addDataKey([], { keyEncryptionKey: kek, clock })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let answer = () => {}
    const held = new Promise<void>((resolve) => {
      answer = resolve
    })
    const loadKeys = async () => {
      await held
      return records
    }
    const made = createKeyring({ keyEncryptionKeys: [kek], clock, loadKeys })
    await turn()
    expect(vi.getTimerCount()).toBe(0)
    answer()
    expect((await made).primaryKeyId).toBe(records[0]?.id)
  })

  test('is given up after exactly 30 s, and the next one is asked', async () => {
    const { state, keyring, sealer } = await store()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    state.held = true
    let outcome: string | null = 'waiting'
    const refreshed = rejection(keyring.refresh()).then((code) => {
      outcome = code
    })
    await turn()
    await vi.advanceTimersByTimeAsync(29_999)
    expect(outcome).toBe('waiting')
    await vi.advanceTimersByTimeAsync(1)
    await refreshed
    expect(outcome).toBe('KEYRING_UNAVAILABLE')
    state.held = false
    await keyring.refresh()
    expect(refusal(() => sealer.encrypt(none, none))).toBeNull()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('lets ready() go on once the keys are too old', async () => {
    const { clock, state, keyring } = await store()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    state.held = true
    clock.set(start + hour / 2 + 1)
    await keyring.ready()
    await turn()
    clock.set(start + hour + 1)
    const waiting = rejection(keyring.ready())
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await waiting).toBe('KEYRING_UNAVAILABLE')
    state.held = false
    expect(await rejection(keyring.ready())).toBeNull()
  })

  test('changes nothing when it answers after all', async () => {
    const { state, keyring, destroyAll } = await store()
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    state.held = true
    const refreshed = rejection(keyring.refresh())
    await turn()
    await vi.advanceTimersByTimeAsync(30_000)
    await refreshed
    state.held = false
    destroyAll()
    await keyring.refresh()
    for (const answer of state.answers) answer()
    await turn()
    await turn()
    expect(keyring.keys.map((key) => key.state)).toEqual(['destroyed'])
  })
})

test('a clock that is set back before the first use makes keys no younger: what passes after it counts', async () => {
  const { clock, state, keyring, sealer } = await store()
  clock.set(start + 24 * hour)
  await keyring.refresh()
  expect(state.loads).toBe(2)
  const back = start + 12 * hour
  clock.set(back)
  expect(refusal(() => sealer.encrypt(none, none))).toBeNull()
  clock.set(back + hour)
  expect(refusal(() => sealer.encrypt(none, none))).toBeNull()
  clock.set(back + hour + 1)
  expect(refusal(() => sealer.encrypt(none, none))).toBe('KEYRING_UNAVAILABLE')
})

test('a hook of a failed background refresh that rejects ends no process', async () => {
  const clock = fakeClock()
  const records = await addDataKey([], { keyEncryptionKey: kek, clock })
  let loads = 0
  let told = 0
  const keyring = await createKeyring({
    keyEncryptionKeys: [kek],
    clock,
    onRefreshFailure: async () => {
      told += 1
      throw new Error('hook')
    },
    loadKeys: async () => {
      loads += 1
      if (loads > 1) throw new Error('down')
      return records
    },
  })
  const unhandled: unknown[] = []
  const note = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', note)
  clock.set(start + hour / 2 + 1)
  await keyring.ready()
  await turn()
  await turn()
  process.off('unhandledRejection', note)
  expect([told, unhandled]).toEqual([1, []])
})

describe('a key-encryption key', () => {
  test('that throws in place of rejecting is KEY_UNWRAP_FAILED, without its message', async () => {
    const records = await addDataKey([], { keyEncryptionKey: kek })
    const abrupt = {
      ...kek,
      unwrap: () => {
        throw new Error('arn:aws:kms canary')
      },
    }
    const error: unknown = await createKeyring({
      keyEncryptionKeys: [abrupt],
      loadKeys: async () => records,
    }).catch((refused: unknown) => refused)
    expect(codeOf(error)).toBe('KEY_UNWRAP_FAILED')
    expect(String(error)).not.toContain('canary')
  })

  test('hands over what it unwraps: the keyring zeroes it', async () => {
    const records = await addDataKey([], { keyEncryptionKey: kek })
    const given: Uint8Array[] = []
    const watched = {
      ...kek,
      unwrap: async (...args: Parameters<typeof kek.unwrap>) => {
        const bytes = await kek.unwrap(...args)
        given.push(bytes)
        return bytes
      },
    }
    await createKeyring({ keyEncryptionKeys: [watched], loadKeys: async () => records })
    expect(given).toEqual([new Uint8Array(32)])
  })
})
