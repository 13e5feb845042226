/**
 * @module The command line `coffer-rbac`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { runCommand } from './commands.js'

const result = runCommand(process.argv.slice(2), {
  read: (path) => readFileSync(path, 'utf8'),
  write: (path, text) => writeFileSync(path, text),
  now: () => Date.now(),
})
process.stdout.write(result.output)
process.stderr.write(result.errors)
process.exitCode = result.code
