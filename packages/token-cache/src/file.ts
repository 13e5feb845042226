/**
 * A store in a directory of a local POSIX file system, for processes of one host.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { refuseUnknown } from './check-options.js'
import { TokenCacheError } from './errors.js'
import { type FileRecord, formatRecord, parseRecord } from './file-record.js'
import type { ReleaseOutcome, Snapshot, TokenStore } from './store.js'

export interface FileStoreOptions {
  /** Made with mode 0700; one that others may enter is refused. */
  readonly directory: string
}

const attempts = 64

/** What a process writes before it links it into place. One that is older was left behind by a process that was killed. */
const temporaryName = /^\.\d+\.[0-9a-f-]{36}$/
const temporaryLifeMs = 60_000

/**
 * Keeps each record in files of its own. Every state is a new `<key>.<version>`, linked into place: `link` fails if
 * the name exists, which makes it a compare-and-swap without a lock file that could be left behind.
 */
export function fileStore(options: FileStoreOptions): TokenStore {
  refuseUnknown('options', options, ['directory'])
  if (typeof options.directory !== 'string' || options.directory === '') throw new TypeError('directory must be a path')
  return new FileStore(options.directory)
}

interface Found {
  readonly version: number
  readonly record: FileRecord
}

const blank: FileRecord = {
  fence: 0,
  leaseEndsAt: 0,
  leaseMs: 0,
  generation: 0,
  body: undefined,
  committedAt: 0,
  holdEndsAt: 0,
  holdMs: 0,
  intent: undefined,
}

class FileStore implements TokenStore {
  readonly persistence = 'shared'
  readonly #directory: string
  #ready: Promise<void> | undefined

  constructor(directory: string) {
    this.#directory = directory
  }

  async read(key: string): Promise<Snapshot | undefined> {
    const found = await this.#latest(key)
    return found && snapshotOf(found.record, Date.now())
  }

  async acquire(key: string, _owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    const written = await this.#change(key, (record, nowMs) => {
      if (leftOf(record.leaseEndsAt, record.leaseMs, nowMs) > 0) return undefined
      return { ...record, fence: record.fence + 1, leaseEndsAt: nowMs + ttlMs, leaseMs: ttlMs }
    })
    return written && snapshotOf(written, Date.now())
  }

  async renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    const written = await this.#change(key, (record, nowMs) =>
      isHeld(record, fence) ? { ...record, leaseEndsAt: nowMs + ttlMs, leaseMs: ttlMs } : undefined,
    )
    return written !== undefined
  }

  async intend(
    key: string,
    fence: number,
    intent: { readonly digest: string; readonly attempt: 1 | 2 },
  ): Promise<boolean> {
    const { digest, attempt } = intent
    const written = await this.#change(key, (record, nowMs) =>
      isHeld(record, fence) ? { ...record, intent: { digest, attempt, dead: false, at: nowMs } } : undefined,
    )
    return written !== undefined
  }

  async commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    const written = await this.#change(key, (record, nowMs) =>
      isHeld(record, fence) && generation > record.generation
        ? { ...record, generation, body, committedAt: nowMs, intent: undefined, holdEndsAt: 0, holdMs: 0 }
        : undefined,
    )
    return written !== undefined
  }

  async release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    await this.#change(key, (record, nowMs) => {
      if (!isHeld(record, fence)) return undefined
      const { intent } = record
      const kept = outcome.intent === 'dead' && intent !== undefined ? { ...intent, dead: true } : intent
      return {
        ...record,
        leaseEndsAt: 0,
        intent: outcome.intent === 'clear' ? undefined : kept,
        holdEndsAt: outcome.holdMs > 0 ? nowMs + outcome.holdMs : 0,
        holdMs: outcome.holdMs,
      }
    })
  }

  /** The next state of a record, or undefined when `next` wants none. Tried anew when another process was first. */
  async #change(
    key: string,
    next: (record: FileRecord, nowMs: number) => FileRecord | undefined,
  ): Promise<FileRecord | undefined> {
    await this.#prepare()
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const found = await this.#latest(key)
      // Fences begin at 1: a blank record is nobody's to write to but by acquiring it.
      const record = next(found?.record ?? blank, Date.now())
      if (record === undefined) return undefined
      const version = (found?.version ?? 0) + 1
      if (!(await this.#link(key, version, formatRecord(record)))) continue
      // A version that was removed could be linked anew by whoever read before the removal: the highest one counts.
      const names = await readdir(this.#directory)
      const versions = versionsOf(key, names)
      if (versions[0] !== version) continue
      for (const old of versions.slice(2)) await this.#remove(this.#path(key, old))
      await this.#removeLeftBehind(names)
      return record
    }
    throw new Error('too many writers')
  }

  async #link(key: string, version: number, bytes: Uint8Array): Promise<boolean> {
    const temporary = join(this.#directory, `.${process.pid}.${crypto.randomUUID()}`)
    const file = await open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
    try {
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await link(temporary, this.#path(key, version))
      await this.#syncDirectory()
      return true
    } catch (error) {
      // ENOENT: a peer took the file for one left behind, because this process was stopped for so long.
      if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return false
      throw error
    } finally {
      await this.#remove(temporary)
    }
  }

  async #latest(key: string): Promise<Found | undefined> {
    await this.#prepare()
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const [version] = versionsOf(key, await readdir(this.#directory))
      if (version === undefined) return undefined
      try {
        const record = parseRecord(await readFile(this.#path(key, version)))
        if (record === undefined) throw new TokenCacheError('COFFER_TOKEN_CACHE_STORE_CORRUPT')
        return { version, record }
      } catch (error) {
        // Two newer versions were written since the directory was read.
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
    throw new Error('too many writers')
  }

  async #remove(path: string): Promise<void> {
    await unlink(path).catch(() => {})
  }

  /** A killed process leaves the file it was about to link. Sealed as it is, it must not lie there for ever. */
  async #removeLeftBehind(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!temporaryName.test(name)) continue
      const path = join(this.#directory, name)
      const ageMs = await stat(path).then(
        ({ mtimeMs }) => Date.now() - mtimeMs,
        () => 0,
      )
      if (ageMs > temporaryLifeMs) await this.#remove(path)
    }
  }

  #path(key: string, version: number): string {
    return join(this.#directory, `${fileNameOf(key)}.${version}`)
  }

  #prepare(): Promise<void> {
    this.#ready ??= this.#makeDirectory().catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  async #makeDirectory(): Promise<void> {
    const made = await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    // mkdir's mode is cut by the umask; a directory that was there before is not ours to change.
    if (made !== undefined) await chmod(this.#directory, 0o700)
    const { mode, uid } = await stat(this.#directory)
    const others = (mode & 0o077) !== 0 || (process.getuid !== undefined && uid !== process.getuid())
    if (others) throw new TypeError("directory must be this user's alone (mode 0700)")
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, constants.O_RDONLY)
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }
}

function isHeld(record: FileRecord, fence: number): boolean {
  return fence > 0 && record.fence === fence
}

/** The versions of a key, highest first. */
function versionsOf(key: string, names: readonly string[]): readonly number[] {
  const prefix = `${fileNameOf(key)}.`
  const versions: number[] = []
  for (const name of names) {
    if (!name.startsWith(prefix)) continue
    const version = Number(name.slice(prefix.length))
    if (Number.isSafeInteger(version) && version > 0) versions.push(version)
  }
  return versions.sort((a, b) => b - a)
}

/** A cache's keys are hex digests; anything else is digested, so that no key can name another file. */
function fileNameOf(key: string): string {
  return /^[0-9a-f]{64}$/.test(key) ? key : createHash('sha256').update(key).digest('hex')
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

// A time that lies ahead was written before the clock was set back: it counts as now.
function ageOf(at: number, nowMs: number): number {
  return Math.max(0, nowMs - at)
}

// More than the whole lease or hold left: the clock was set back since, and nobody knows how much of it has passed.
function leftOf(endsAt: number, wholeMs: number, nowMs: number): number {
  const leftMs = endsAt - nowMs
  return leftMs > 0 && leftMs <= wholeMs ? leftMs : 0
}

function snapshotOf(record: FileRecord, nowMs: number): Snapshot {
  const { fence, generation, body, committedAt, intent } = record
  return {
    fence,
    generation,
    body,
    ageMs: body === undefined ? 0 : ageOf(committedAt, nowMs),
    holdMs: leftOf(record.holdEndsAt, record.holdMs, nowMs),
    intent: intent && {
      digest: intent.digest,
      attempt: intent.attempt,
      dead: intent.dead,
      ageMs: ageOf(intent.at, nowMs),
    },
  }
}
