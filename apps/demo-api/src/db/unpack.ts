import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'

const blockBytes = 512

/**
 * Writes the files of a gzipped tar (POSIX ustar) below a folder. Only what a database dump holds: files and folders.
 * PGlite can load a dump itself, at several times the cost.
 *
 * @throws {RangeError} for an entry of another kind or with a path that leaves the folder.
 */
export async function unpackTarGz(archive: Uint8Array, folder: string): Promise<void> {
  const tar = await promisify(gunzip)(archive)
  const folders = new Set<string>()
  const makeFolder = async (path: string) => {
    if (folders.has(path)) return
    folders.add(path)
    await mkdir(path, { recursive: true, mode: 0o700 })
  }
  await makeFolder(folder)
  for (let at = 0; at + blockBytes <= tar.length; ) {
    const header = tar.subarray(at, at + blockBytes)
    // Two blocks of zeros end the archive.
    if (header[0] === 0) return
    const size = Number.parseInt(textOf(header, 124, 12), 8)
    const target = join(folder, safePath(header))
    const kind = String.fromCharCode(header[156] ?? 0)
    at += blockBytes
    if (kind === '5') await makeFolder(target)
    else if (kind === '0' || kind === '\0') {
      await makeFolder(dirname(target))
      await writeFile(target, tar.subarray(at, at + size), { mode: 0o600 })
    } else throw new RangeError('the archive holds something that is neither a file nor a folder')
    at += Math.ceil(size / blockBytes) * blockBytes
  }
}

function safePath(header: Uint8Array): string {
  const prefix = textOf(header, 345, 155)
  const name = textOf(header, 0, 100)
  const path = prefix === '' ? name : `${prefix}/${name}`
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw new RangeError('the archive holds a path that leaves its folder')
  return parts.join('/')
}

/** A field of a header: characters up to the first NUL. */
function textOf(header: Uint8Array, start: number, length: number): string {
  const field = Buffer.from(header.subarray(start, start + length)).toString('latin1')
  const end = field.indexOf('\0')
  return end === -1 ? field : field.slice(0, end)
}
