import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { WorkerSetting } from './worker.js'

export interface Worker {
  readonly child: ChildProcess
  /** The next message of a type. */
  next(type: string): Promise<Readonly<Record<string, unknown>>>
}

export interface WorkerFactory {
  readonly directory: string
  start(setting: WorkerSetting): Worker
  /** Ends every process it started, and removes its directory. */
  close(): void
}

/** The worker as one plain file, so that sixty-four of them start quickly. */
export async function workerFactory(): Promise<WorkerFactory> {
  const directory = mkdtempSync(join(tmpdir(), 'coffer-fleet-'))
  const outfile = join(directory, 'worker.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@coffer/source'],
    external: ['pg-native'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  })
  const children = new Set<ChildProcess>()
  return {
    directory,
    start(setting) {
      const env = { ...process.env, WORKER_SETTING: JSON.stringify(setting) }
      const child = fork(outfile, [], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
      children.add(child)
      child.once('exit', () => children.delete(child))
      return {
        child,
        next: (type) =>
          new Promise((resolve, reject) => {
            const onMessage = (message: unknown): void => {
              if (typeof message !== 'object' || message === null || !('type' in message)) return
              if (message.type !== type) return
              child.off('message', onMessage)
              resolve({ ...message })
            }
            child.on('message', onMessage)
            child.once('exit', (code, signal) => reject(new Error(`worker ended: ${code ?? signal}`)))
          }),
      }
    },
    close() {
      for (const child of children) child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
