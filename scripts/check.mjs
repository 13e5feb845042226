// Every gate in order, the quick ones first: `pnpm check`. All of them run, so that one sitting shows all there is to mend.
import { run, tool } from './process.mjs'

const node = (script) => () => run(process.execPath, [`scripts/${script}`])
const gates = [
  { name: 'lint', start: () => tool('biome', ['check', '--error-on-warnings', '.']) },
  { name: 'architecture', start: node('check-architecture.mjs') },
  { name: 'build', start: () => tool('turbo', ['run', 'build', '--output-logs=errors-only']) },
  { name: 'types', start: () => tool('turbo', ['run', 'typecheck', '--continue', '--output-logs=errors-only']) },
  { name: 'examples', start: node('check-examples.mjs') },
  { name: 'packaging', start: node('check-packaging.mjs') },
  { name: 'selective import', start: node('check-import.mjs') },
  { name: 'runtimes', start: node('check-runtimes.mjs') },
  { name: 'tests', start: node('test.mjs') },
]

const failed = []
for (const [index, { name, start }] of gates.entries()) {
  console.log(`\n[${index + 1}/${gates.length}] ${name}`)
  const began = performance.now()
  const { code } = await start()
  console.log(`${name}: ${code === 0 ? 'passed' : 'FAILED'} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
  if (code !== 0) failed.push(name)
}
if (failed.length > 0) console.error(`\nTo mend: ${failed.join(', ')}`)
console.log(`checks: ${gates.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
