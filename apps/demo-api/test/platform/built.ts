import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const app = fileURLToPath(new URL('../../', import.meta.url))
const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** Builds the app as `pnpm build` does; quick when nothing has changed. Returns the entry with this name. */
export function builtEntry(name: string): string {
  mkdirSync(`${app}.cache`, { recursive: true })
  const lock = `${app}.cache/build.lock`
  // Two test files build at once; the second waits for the first, and not for one that was killed long ago.
  while (!taken(lock)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  try {
    build(`${root}node_modules/.bin/tsc`, ['-b'])
    build(process.execPath, ['scripts/finish-build.mjs'])
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
  return `${app}dist/${name}.js`
}

function build(command: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: app, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the build failed\n${stdout}${stderr}`)
}

function taken(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Date.now() - made > 120_000) rmSync(lock, { recursive: true, force: true })
    return false
  }
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process of the built API. Its environment is what is given and nothing of this one's settings. */
export function startProcess(entry: string, env: Readonly<Record<string, string>>, nodeArgs: readonly string[] = []) {
  const child = spawn(process.execPath, [...nodeArgs, entry], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
    for (const check of waiting) check()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const ended = new Promise<Outcome>((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
  return {
    ended,
    signal: (name: NodeJS.Signals) => child.kill(name),
    /** Everything printed until this text is; rejects when the process ends before. */
    printed: (text: string) =>
      new Promise<string>((resolve, reject) => {
        const check = () => {
          if (!stdout.includes(text)) return
          waiting.delete(check)
          resolve(stdout)
        }
        waiting.add(check)
        check()
        ended.then((outcome) => reject(new Error(`ended with ${outcome.code}: ${outcome.stderr}`)))
      }),
  }
}
