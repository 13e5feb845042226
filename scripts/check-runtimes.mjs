// The portable rooms on every runtime they promise: `node scripts/check-runtimes.mjs [room …]`, after a build.
// A room's facts are `test/runtime/facts.ts`: `export const facts: Record<string, () => void | Promise<void>>`,
// where a fact that does not hold throws. They are bundled with the built package into one module without node:.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { house } from './architecture/house.mjs'
import { root } from './process.mjs'
import { binaries, chromium, onChromium, onCommandLine, onWorkerd } from './runtimes.mjs'

const asked = process.argv.slice(2)
const rooms = Object.keys(house.packages)
  .filter((room) => asked.length === 0 || asked.includes(room))
  .map((room) => ({ room, facts: join(root, 'packages', room, 'test', 'runtime', 'facts.ts') }))
  .filter(({ facts }) => existsSync(facts))

const check = `export async function checkFacts() {
  const failed = []
  let passed = 0
  for (const [name, fact] of Object.entries(facts)) {
    try { await fact(); passed += 1 } catch (error) { failed.push(name + ': ' + (error?.stack ?? error)) }
  }
  return { passed, failed }
}`

async function bundle(room, facts) {
  const outfile = join(root, '.cache', 'facts', `${room}.mjs`)
  mkdirSync(join(root, '.cache', 'facts'), { recursive: true })
  await build({
    stdin: { contents: `import { facts } from ${JSON.stringify(facts)}\n${check}`, resolveDir: root, loader: 'js' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2022',
    logLevel: 'warning',
  })
  return outfile
}

const found = await binaries(['node-20', 'node-22', 'node-24', 'node-26', 'bun', 'deno', 'workerd'])
if (found.length === 0) console.log('The other runtimes come as Linux x64 binaries only: not run here.')
const browser = chromium()
if (!browser) console.log("Not run: Chromium needs Debian's chromium package, or CHROMIUM_PATH.")

let failures = 0
for (const { room, facts } of rooms) {
  const module = await bundle(room, facts)
  const source = readFileSync(module, 'utf8')
  const runs = found.map((runtime) => ({
    title: runtime.name.startsWith('node') ? `Node ${runtime.version}` : `${runtime.name} ${runtime.version}`,
    start: () => (runtime.name === 'workerd' ? onWorkerd(runtime, source) : onCommandLine(runtime, module)),
  }))
  if (browser) runs.push({ title: 'Chromium', start: () => onChromium(browser, source) })
  const counts = []
  for (const { title, start } of runs) {
    try {
      const { passed, failed } = await start()
      if (passed === 0 && failed.length === 0) failed.push('no fact was checked')
      for (const text of failed) console.error(`${room} on ${title}: ${text}`)
      failures += failed.length
      counts.push(`${title} ${passed}`)
    } catch (error) {
      failures += 1
      console.error(`${room} on ${title}: ${error.message}`)
    }
  }
  console.log(`${room}: facts that hold: ${counts.join(', ')}`)
}
process.exitCode = failures === 0 ? 0 : 1
