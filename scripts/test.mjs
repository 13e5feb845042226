// Runs every test of the house, or of the rooms named: `node scripts/test.mjs [--deep] [room …]`.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { root, tool } from './process.mjs'
import { startServices } from './services.mjs'

const args = process.argv.slice(2)
if (args.includes('--help')) {
  console.log(`usage: pnpm test [room …]        every test, at counts that end within minutes
       pnpm test:deep [room …]   the same suites at full counts; prints seeds and figures

COFFER_VECTORS   folder of the published test vectors (default ../shared/vectors)
DATABASE_URL     a PostgreSQL to use instead of starting the one found
REDIS_URL        a Redis to use instead of starting the one found
COFFER_SEED      repeats a generated case`)
  process.exit(0)
}

const deep = args.includes('--deep')
const rooms = args.filter((argument) => !argument.startsWith('--'))
const folders = ['packages', 'apps'].flatMap((parent) =>
  readdirSync(join(root, parent)).map((name) => ({ name, folder: join(root, parent, name) })),
)
folders.push({ name: 'scripts', folder: join(root, 'scripts') })
const chosen = folders.filter(({ name }) => rooms.length === 0 || rooms.includes(name))
const unknown = rooms.filter((room) => !folders.some(({ name }) => name === room))
if (unknown.length > 0) {
  console.error(`no room called ${unknown.join(', ')}; there are: ${folders.map(({ name }) => name).join(', ')}`)
  process.exit(1)
}

const vectors = resolve(root, process.env.COFFER_VECTORS ?? '../shared/vectors')
const services = await startServices()
for (const { folder } of chosen) rmSync(join(folder, '.vitest'), { recursive: true, force: true })

let code = 1
try {
  const result = await tool(
    'turbo',
    [
      'run',
      'test',
      '--continue',
      // Each run has as many workers as there are cores: rooms one after another keep timings honest.
      '--concurrency=1',
      ...chosen.map(({ name }) => `--filter=@coffer/${name}`),
    ],
    {
      env: {
        ...services.env,
        COFFER_SERVICES: services.names.join(' '),
        ...(existsSync(vectors) ? { COFFER_VECTORS: vectors } : {}),
        ...(deep ? { COFFER_DEEP: '1' } : {}),
      },
    },
  )
  code = result.code
} finally {
  await services.stop()
}

const total = { passed: 0, failed: 0, skipped: 0 }
const reasons = new Map()
for (const { name, folder } of chosen) {
  const file = join(folder, '.vitest', 'summary.json')
  if (!existsSync(file)) {
    console.error(`${name}: its tests did not finish`)
    total.failed += 1
    continue
  }
  const summary = JSON.parse(readFileSync(file, 'utf8'))
  total.passed += summary.passed
  total.failed += summary.failed
  total.skipped += summary.skipped.length
  for (const test of summary.flaky) console.log(`${name}: passed on its second try only: ${test}`)
  for (const reason of summary.skipped) reasons.set(`${name}: ${reason}`, (reasons.get(`${name}: ${reason}`) ?? 0) + 1)
}

console.log()
if (services.names.length > 0) console.log(`With ${services.names.join(', ')}.`)
if (!existsSync(vectors)) console.log(`Without published vectors: suites that replay them need COFFER_VECTORS.`)
for (const sentence of services.missing) console.log(`Not run: ${sentence}.`)
for (const [reason, count] of reasons) console.log(`Skipped ${count}: ${reason}`)
console.log(`tests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = code === 0 && total.failed === 0 && total.passed > 0 ? 0 : 1
