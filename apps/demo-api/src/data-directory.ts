import { randomBytes } from 'node:crypto'
import { constants, existsSync } from 'node:fs'
import { access, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { TlsIdentity } from './server.js'
import { refuse } from './start-error.js'
import { isServable, type LocalIdentity, mintIdentity } from './tls.js'

/** What this process keeps on disk, locked against a second one. */
export interface DataDirectory {
  readonly path: string
  /** Where the embedded database lives. */
  readonly databasePath: string
  /** 32 bytes of this name, made on first use with mode 0600. */
  secret(name: SecretName): Promise<Uint8Array>
  /** Secrets that this start has made. */
  readonly made: readonly SecretName[]
  /** Takes back what this start has made, all of it or these, after it was found not to fit a database that is older. */
  forgetMade(names?: readonly SecretName[]): Promise<void>
  /** A leaf for the host under an authority of this directory, made when there is none that still serves. */
  identity(host: string, now: number): Promise<DirectoryIdentity>
  release(): Promise<void>
}

export interface DirectoryIdentity extends TlsIdentity {
  readonly caFile: string
  /** Writes an identity that was made now in place of the older one. Not before the start is certain to succeed. */
  keep(): Promise<void>
}

export type SecretName = 'kek' | 'refresh-secret' | 'sample-secret'

/**
 * Opens the directory, making it when it is missing.
 *
 * @throws {StartError} naming DATA_DIR when it cannot be written or another process has it.
 */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const secrets = resolve(path, 'secrets')
  try {
    await makeFolder(secrets)
    await access(path, constants.W_OK)
    await access(secrets, constants.W_OK)
  } catch {
    refuse('DATA_DIR', 'cannot be made or written')
  }
  const lock = await takeLock(join(path, 'lock'))
  const made: SecretName[] = []

  return {
    path,
    databasePath: join(path, 'database'),
    made,
    secret: async (name) => {
      const file = join(secrets, name)
      const kept = await readIfThere(file)
      if (kept !== undefined) return decodeSecret(kept, name)
      const value = randomBytes(32)
      await writeWhole(file, value.toString('base64url'))
      made.push(name)
      return Uint8Array.from(value)
    },
    forgetMade: async (names = [...made]) => {
      for (const name of names) {
        const index = made.indexOf(name)
        if (index < 0) continue
        made.splice(index, 1)
        await rm(join(secrets, name), { force: true })
      }
    },
    identity: async (host, now) => {
      const folder = join(path, 'tls')
      const caFile = join(folder, 'ca.pem')
      const kept = await readIdentity(folder)
      if (kept !== undefined && isServable(kept, host, now)) return { ...kept, caFile, keep: async () => undefined }
      const fresh = await mintIdentity(host, now)
      return {
        ...fresh,
        caFile,
        keep: async () => {
          await makeFolder(folder)
          await writeWhole(join(folder, 'key.pem'), fresh.key)
          await writeWhole(join(folder, 'cert.pem'), fresh.cert)
          await writeWhole(caFile, fresh.ca)
        },
      }
    },
    release: () => lock.release(),
  }
}

/**
 * Makes a folder and what is missing above it. Not `mkdir` with `recursive`: on a file system whose `mkdir` answers ENOENT
 * below a folder that exists, such as /proc, that one never ends.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path || existsSync(parent)) throw error
    await makeFolder(parent)
    await makeFolder(path)
  }
}

async function readIdentity(folder: string): Promise<LocalIdentity | undefined> {
  const [ca, cert, key] = await Promise.all(
    ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readIfThere(join(folder, name))),
  )
  return ca === undefined || cert === undefined || key === undefined ? undefined : { ca, cert, key }
}

function decodeSecret(text: string, name: SecretName): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(text.trim(), 'base64url'))
  if (bytes.length !== 32) refuse('DATA_DIR', `holds a damaged secret (${name})`)
  return bytes
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    return refuse('DATA_DIR', 'holds a file that cannot be read')
  }
}

/** The name appears with the whole content or not at all. */
async function writeWhole(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}.draft`
  await writeFile(draft, content, { mode: 0o600, flush: true })
  await rename(draft, file)
}

/**
 * One process a directory: two embedded databases on the same files destroy them. A lock whose process is gone is taken
 * over; the start time tells it from a later process with the same number.
 */
async function takeLock(file: string): Promise<{ release(): Promise<void> }> {
  const mine = `${process.pid} ${await startTimeOf(process.pid)}`
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(mine)
      await handle.close()
      return {
        release: async () => {
          if ((await readIfThere(file)) === mine) await rm(file, { force: true })
        },
      }
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') refuse('DATA_DIR', 'cannot be made or written')
      const [pid = '', startTime = ''] = ((await readIfThere(file)) ?? '').split(' ')
      if (await isRunning(Number(pid), startTime)) {
        refuse('DATA_DIR', `is in use by process ${pid}; stop it or choose another directory`)
      }
      await rm(file, { force: true })
    }
  }
  return refuse('DATA_DIR', 'is being taken by other processes')
}

async function isRunning(pid: number, startTime: string): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: there is such a process, and it is someone else's.
    if (codeOf(error) !== 'EPERM') return false
  }
  return startTime === (await startTimeOf(pid))
}

/** The start time of a process in ticks since boot, where the system says it (proc(5), field 22 of stat). */
async function startTimeOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
