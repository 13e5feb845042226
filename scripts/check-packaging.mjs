// What a consumer's tools will say of each package: publint, are-the-types-wrong; and knip over the workspace.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './process.mjs'

const bin = (name) => join(root, 'scripts/node_modules/.bin', name)
const steps = readdirSync(join(root, 'packages'))
  .map((name) => join(root, 'packages', name))
  .filter((folder) => existsSync(join(folder, 'package.json')))
  .flatMap((cwd) => [
    { cwd, command: 'publint', args: ['--strict', '--pack', 'pnpm'] },
    { cwd, command: 'attw', args: ['--profile', 'esm-only', '--pack', '.'] },
  ])
steps.push({ cwd: root, command: 'knip', args: ['--no-progress'] })

let failed = 0
for (const { cwd, command, args } of steps) {
  const { code, output } = await run(bin(command), args, { cwd, print: false, keep: true })
  const name = cwd === root ? 'workspace' : cwd.slice(root.length)
  if (code === 0) {
    console.log(`${command}: ${name} ok`)
    continue
  }
  failed += 1
  console.error(`${command}: ${name}\n${output}`)
}
process.exitCode = failed === 0 ? 0 : 1
