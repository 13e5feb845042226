import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import { createPrimitives } from '@coffer/field-encryption/testing'
import { describe, expect, test } from 'vitest'

const { COFFER_VECTORS } = process.env
const folder = COFFER_VECTORS ?? fileURLToPath(new URL('../../../../shared/vectors', import.meta.url))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))

/** The fields of one case, hex unless noted; each file has some of them. */
interface Case {
  readonly tcId: number
  readonly result: 'valid' | 'invalid' | 'acceptable'
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
  readonly ikm: string
  readonly salt: string
  readonly info: string
  readonly okm: string
  readonly ctx: string
  readonly tweak: string
  readonly msgSha512: string
  readonly size: number
}

/** FF1 over digits as numbers. */
interface DigitsCase extends Omit<Case, 'msg' | 'ct'> {
  readonly msg: readonly number[]
  readonly ct: readonly number[]
}

interface Group<T> {
  readonly keySize: number
  readonly ivSize: number
  readonly tagSize: number
  readonly tests: readonly T[]
}

/** Replays one file of Wycheproof; each refused case is named by its tcId. */
function replay<T extends Pick<Case, 'tcId'> = Case>(
  file: string,
  cases: (group: Group<T>) => (test: T) => Promise<void> | void,
): void {
  test(file, async (ctx) => {
    const path = `${folder}/wycheproof/${file}_test.json`
    if (!existsSync(path)) ctx.skip('needs the published vectors: set COFFER_VECTORS')
    const { testGroups, numberOfTests } = JSON.parse(readFileSync(path, 'utf8')) as {
      testGroups: Group<T>[]
      numberOfTests: number
    }
    let replayed = 0
    for (const group of testGroups) {
      const check = cases(group)
      for (const item of group.tests) {
        try {
          await check(item)
        } catch (error) {
          throw new Error(`tcId ${item.tcId}`, { cause: error })
        }
        replayed += 1
      }
    }
    expect(replayed).toBe(numberOfTests)
  })
}

const valid = (item: Pick<Case, 'result'>) => item.result === 'valid'

describe.each(['node', 'noble', 'webcrypto'] as const)('Wycheproof on %s', (backend) => {
  const primitives = createPrimitives(backend)

  replay('aes_gcm', (group) => async (item) => {
    const [key, nonce, data] = [unhex(item.key), unhex(item.iv), unhex(item.aad)]
    const body = Uint8Array.from([...unhex(item.ct), ...unhex(item.tag)])
    if (group.keySize !== 256 || group.ivSize !== 96) {
      await expect(primitives.gcmOpen(key, nonce, body, data)).rejects.toThrow(RangeError)
      return
    }
    const opened = await primitives.gcmOpen(key, nonce, body, data)
    expect(opened === null ? null : hex(opened)).toBe(valid(item) ? item.msg : null)
    if (valid(item)) expect(hex(await primitives.gcmSeal(key, nonce, unhex(item.msg), data))).toBe(hex(body))
  })

  replay('hmac_sha512', (group) => async (item) => {
    const tag = hex(await primitives.hmacSha512(unhex(item.key), unhex(item.msg))).slice(0, group.tagSize / 4)
    expect(tag === item.tag).toBe(valid(item))
  })

  replay('hkdf_sha512', () => async (item) => {
    const okm = primitives.hkdfSha512(unhex(item.ikm), unhex(item.salt), unhex(item.info), item.size)
    if (valid(item)) expect(hex(await okm)).toBe(item.okm)
    else await expect(okm).rejects.toThrow(RangeError)
  })

  replay('c2sp_chunked_encryption_aes_256_gcm', () => async (item) => {
    const [key, context] = [unhex(item.key), unhex(item.ctx)]
    const sealed = Uint8Array.from(inflateSync(unhex(item.ct)))
    if (key.length !== 32) {
      await expect(primitives.chunkedOpen(key, context, sealed)).rejects.toThrow(RangeError)
      return
    }
    const opened = await primitives.chunkedOpen(key, context, sealed)
    if (!valid(item)) return expect(opened).toBeNull()
    if (opened === null) return expect.unreachable()
    expect(createHash('sha512').update(opened).digest('hex')).toBe(item.msgSha512)
    const again = await primitives.chunkedSeal(key, sealed.subarray(0, 24), context, opened)
    expect(Buffer.compare(again, sealed)).toBe(0)
  })
})

describe.each(['node', 'noble'] as const)('Wycheproof key wrap on %s', (backend) => {
  const primitives = createPrimitives(backend)

  for (const [file, wrap] of [
    ['aes_wrap', primitives.kw],
    ['aes_kwp', primitives.kwp],
  ] as const) {
    replay(file, () => (item) => {
      if (wrap === null) return expect.unreachable()
      const opened = wrap.unwrap(unhex(item.key), unhex(item.ct))
      // An 8-byte key is below what RFC 3394 wraps: "acceptable" either way.
      if (item.result === 'acceptable' && opened === null) return
      expect(opened === null ? null : hex(opened)).toBe(item.result === 'invalid' ? null : item.msg)
      if (opened !== null) expect(hex(wrap.wrap(unhex(item.key), unhex(item.msg)))).toBe(item.ct)
    })
  }
})

describe('Wycheproof FF1', () => {
  const primitives = createPrimitives('noble')
  const attempt = (work: () => number[]) => {
    try {
      return work().join()
    } catch {
      return null
    }
  }

  replay<DigitsCase>('aes_ff1_radix10', () => (item) => {
    const { msg: message, ct: ciphertext } = item
    const encrypted = attempt(() => primitives.ff1Encrypt(unhex(item.key), unhex(item.tweak), message))
    expect(encrypted).toBe(valid(item) ? ciphertext.join() : null)
    if (valid(item)) {
      expect(attempt(() => primitives.ff1Decrypt(unhex(item.key), unhex(item.tweak), ciphertext))).toBe(message.join())
    }
  })

  replay('aes_ff1_base10', () => (item) => {
    const digits = Array.from(item.msg, Number)
    const encrypted = attempt(() => primitives.ff1Encrypt(unhex(item.key), unhex(item.tweak), digits))
    expect(encrypted).toBe(valid(item) ? Array.from(item.ct, Number).join() : null)
  })
})
