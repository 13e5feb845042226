/**
 * @module The command line `coffer-rbac`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { runCommand } from './commands.js'

const STANDARD_INPUT = 0
const utf8 = new TextDecoder('utf-8', { fatal: true })

// A reader that has seen enough, such as `head`, is no error.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })

const result = runCommand(process.argv.slice(2), {
  read: (path) => utf8.decode(readFileSync(path === '-' ? STANDARD_INPUT : path)),
  write: (path, text) => writeFileSync(path, text),
  now: () => Date.now(),
})
process.stdout.write(result.output)
process.stderr.write(result.errors)
process.exitCode = result.code
