import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { WorkerSetting } from './worker.js'

export interface WorkerFactory {
  /** Runs one process to its end: undefined when it was killed, else how often it called its stores. */
  run(setting: WorkerSetting): Promise<number | undefined>
  close(): void
}

/** The worker as one plain file inside the package, where its database client is found. */
export async function workerFactory(): Promise<WorkerFactory> {
  const directory = mkdtempSync(fileURLToPath(new URL('../../node_modules/.coffer-', import.meta.url)))
  const outfile = join(directory, 'worker.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('worker.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@coffer/source'],
    external: ['pg'],
    logLevel: 'error',
  })
  return {
    run: (setting) =>
      new Promise((resolve, reject) => {
        const env = { ...process.env, WORKER_SETTING: JSON.stringify(setting) }
        const child = fork(outfile, [], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
        let calls: number | undefined
        child.once('message', (message) => {
          calls = (message as { readonly calls: number }).calls
        })
        child.once('error', reject)
        child.once('exit', (code, signal) => {
          if (signal === 'SIGKILL') resolve(undefined)
          else if (code === 0 && calls !== undefined) resolve(calls)
          else reject(new Error(`the worker ended with ${code ?? signal}`))
        })
      }),
    close: () => rmSync(directory, { recursive: true, force: true }),
  }
}
