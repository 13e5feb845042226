import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataDirectory } from '../../src/data-directory.js'

const start = Date.UTC(2026, 0, 15, 12)
let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-data-'))
  path = join(folder, 'deep', 'data')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a data directory', () => {
  it('is made with its parents, for its owner alone', async () => {
    const directory = await openDataDirectory(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    await directory.release()
  })

  it('keeps a secret of 32 bytes, in a file for its owner alone', async () => {
    const first = await openDataDirectory(path)
    const secret = await first.secret('kek')
    expect(secret).toHaveLength(32)
    expect(first.made).toEqual(['kek'])
    expect(statSync(join(path, 'secrets', 'kek')).mode & 0o777).toBe(0o600)
    await first.release()
    const second = await openDataDirectory(path)
    expect(await second.secret('kek')).toEqual(secret)
    expect(second.made).toEqual([])
    await second.release()
  })

  it('forgets what this start has made, and no older secret', async () => {
    const first = await openDataDirectory(path)
    await first.secret('refresh-secret')
    await first.release()
    const second = await openDataDirectory(path)
    await second.secret('refresh-secret')
    await second.secret('kek')
    await second.secret('sample-secret')
    await second.forgetMade(['sample-secret', 'refresh-secret'])
    expect(readdirSync(join(path, 'secrets')).sort()).toEqual(['kek', 'refresh-secret'])
    await second.forgetMade()
    expect(readdirSync(join(path, 'secrets'))).toEqual(['refresh-secret'])
    await second.release()
  })

  it('is refused to a second process and to a second opening, and free again after a release', async () => {
    const first = await openDataDirectory(path)
    await expect(openDataDirectory(path)).rejects.toThrow(`DATA_DIR: is in use by process ${process.pid}`)
    await first.release()
    const second = await openDataDirectory(path)
    await second.release()
    expect(existsSync(join(path, 'lock'))).toBe(false)
  })

  it('is taken over from a process that is gone', async () => {
    const gone = spawn(process.execPath, ['-e', ''])
    await new Promise((resolve) => gone.once('exit', resolve))
    await (await openDataDirectory(path)).release()
    writeFileSync(join(path, 'lock'), `${gone.pid} 1`)
    await (await openDataDirectory(path)).release()
  })

  it('is taken over from an earlier process of the same number', async ({ skip }) => {
    skip(!existsSync('/proc/self/stat'), 'needs a system that tells the start time of a process')
    await (await openDataDirectory(path)).release()
    writeFileSync(join(path, 'lock'), `${process.pid} 1`)
    await (await openDataDirectory(path)).release()
  })

  it('that cannot be made is refused by the name of its setting', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await expect(openDataDirectory(join(file, 'data'))).rejects.toThrow('DATA_DIR: cannot be made or written')
  })

  it.for(['/proc/coffer', '/proc/coffer/deep'])(
    'at %s, where no folder can be made, is refused at once',
    async (place, { skip }) => {
      skip(!existsSync('/proc/self'), 'needs a /proc')
      await expect(openDataDirectory(place)).rejects.toThrow('DATA_DIR: cannot be made or written')
    },
  )

  it('that cannot be written is refused by the name of its setting', async () => {
    const nobody = 65_534
    const root = process.getuid?.() === 0
    chmodSync(folder, 0o500)
    // Root may write anywhere, so meanwhile it acts as a user who may not.
    if (root) {
      chownSync(folder, nobody, nobody)
      process.seteuid?.(nobody)
    }
    try {
      await expect(openDataDirectory(path)).rejects.toThrow('DATA_DIR: cannot be made or written')
    } finally {
      if (root) process.seteuid?.(0)
      chmodSync(folder, 0o700)
    }
  })

  it('with a damaged secret is refused, and the secret is left as it is', async () => {
    const first = await openDataDirectory(path)
    writeFileSync(join(path, 'secrets', 'kek'), 'torn')
    await expect(first.secret('kek')).rejects.toThrow('DATA_DIR: holds a damaged secret (kek)')
    expect(readFileSync(join(path, 'secrets', 'kek'), 'utf8')).toBe('torn')
    await first.release()
  })

  it('keeps its certificate, and makes another one when it nears its end or the host is another', async () => {
    const dayMs = 86_400_000
    const directory = await openDataDirectory(path)
    const first = await directory.identity('localhost', start)
    await first.keep()
    expect(readFileSync(first.caFile, 'utf8')).toContain('BEGIN CERTIFICATE')
    expect((await directory.identity('localhost', start + 82 * dayMs)).cert).toBe(first.cert)
    const renewed = await directory.identity('localhost', start + 83 * dayMs)
    expect(renewed.cert).not.toBe(first.cert)
    expect((await directory.identity('localhost', start)).cert).toBe(first.cert)
    expect((await directory.identity('api.example', start + 83 * dayMs)).cert).not.toBe(renewed.cert)
    expect(statSync(join(path, 'tls', 'key.pem')).mode & 0o777).toBe(0o600)
    await directory.release()
  })
})
