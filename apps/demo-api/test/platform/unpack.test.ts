import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/db/connect.js'
import { loadMigrations, migrate } from '../../src/db/migrate.js'
import { readSnapshot } from '../../src/db/snapshot.js'
import { unpackTarGz } from '../../src/db/unpack.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-unpack-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function entry(name: string, content: string, { kind = '0', prefix = '' } = {}): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write(content.length.toString(8).padStart(11, '0'), 124, 'latin1')
  header.write(kind, 156, 'latin1')
  header.write('ustar', 257, 'latin1')
  header.write(prefix, 345, 'latin1')
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  body.write(content, 0, 'latin1')
  return Buffer.concat([header, body])
}

const archive = (...entries: Buffer[]) => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]))

describe('an archive', () => {
  it('becomes its files, whole, in folders for their owner alone', async () => {
    const long = 'x'.repeat(1_300)
    const target = join(folder, 'files')
    await unpackTarGz(
      archive(
        entry('/base/', '', { kind: '5' }),
        entry('base/1', long),
        entry('empty', ''),
        entry('deep', 'y'.repeat(512), { prefix: 'a/b' }),
      ),
      target,
    )
    expect(readFileSync(join(target, 'base/1'), 'latin1')).toBe(long)
    expect(readFileSync(join(target, 'empty'), 'latin1')).toBe('')
    expect(readFileSync(join(target, 'a/b/deep'), 'latin1')).toBe('y'.repeat(512))
    expect(statSync(join(target, 'base')).mode & 0o777).toBe(0o700)
    expect(statSync(join(target, 'base/1')).mode & 0o777).toBe(0o600)
  })

  it.each([
    ['a path that leaves the folder', entry('../out', 'x')],
    ['a path that leaves it on the way', entry('a/../../out', 'x')],
    ['a prefix that leaves it', entry('out', 'x', { prefix: '..' })],
    ['a symbolic link', entry('link', '', { kind: '2' })],
  ])('with %s is refused', async (_what, bad) => {
    await expect(unpackTarGz(archive(bad), join(folder, 'bad'))).rejects.toThrow(RangeError)
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })
})

describe('an embedded database in a directory', () => {
  it('starts from the snapshot, over what a killed start has left, and opens again', { timeout: 60_000 }, async () => {
    const migrations = await loadMigrations()
    const path = join(folder, 'database')
    mkdirSync(`${path}.new`)
    writeFileSync(join(`${path}.new`, 'PG_VERSION'), 'half')
    const first = await connect({ kind: 'directory', path }, { snapshot: await readSnapshot(migrations) })
    expect(existsSync(`${path}.new`)).toBe(false)
    expect(await migrate(first, migrations)).toEqual([])
    await first.transaction((connection) => connection.script('CREATE TABLE public.kept AS SELECT 42 AS n'))
    await first.close()
    const again = await connect({ kind: 'directory', path })
    const { rows } = await again.transaction((connection) => connection.query('SELECT n FROM public.kept'))
    expect(rows).toEqual([{ n: 42 }])
    await again.close()
  })
})
