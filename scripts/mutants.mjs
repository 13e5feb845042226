// Mutation tests of a room: `node scripts/mutants.mjs <room> [file …]`. The room says in test/mutants.json which files
// are mutated, which tests are to kill the mutants, and which mutants change nothing:
// { "mutate": ["src/compact.ts"], "tests": ["test/compact.test.ts"], "equivalent": [{ file, original, replacement, why }] }
// Fails below 95 % killed, and when an equivalent mutant that is listed was killed or no longer exists.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, run } from './process.mjs'

const [room, ...files] = process.argv.slice(2)
if (!room || room.startsWith('-')) {
  console.error('usage: node scripts/mutants.mjs <room> [src/file.ts …]')
  process.exit(2)
}
const folder = join('packages', room)
const wanted = JSON.parse(readFileSync(join(root, folder, 'test', 'mutants.json'), 'utf8'))
const mutate = files.length > 0 ? files : wanted.mutate
const least = 95

const cache = join(root, '.cache', 'mutants')
mkdirSync(cache, { recursive: true })
const report = join(cache, `${room}.json`)
rmSync(report, { force: true })

/** Vitest as the room runs it, with the named tests only. */
const vitestConfig = join('.cache', 'mutants', `${room}.vitest.config.mjs`)
const inSandbox = `import { shared } from '../../vitest.shared.js'
export default { ...shared, test: { ...shared.test, include: ${JSON.stringify(wanted.tests)}, reporters: [], retry: 0 } }
`
writeFileSync(join(root, vitestConfig), inSandbox)

const kept = [
  'package.json',
  'packages',
  'docs',
  'vitest.shared.ts',
  'tsconfig.base.json',
  'tsconfig.test.json',
  'scripts',
  '.cache',
]
const others = (parent, needed) => readdirSync(join(root, parent)).filter((name) => !needed.includes(name))
const config = {
  testRunner: 'vitest',
  plugins: [createRequire(import.meta.url).resolve('@stryker-mutator/vitest-runner')],
  coverageAnalysis: 'perTest',
  mutate: mutate.map((file) => join(folder, file)),
  vitest: { configFile: vitestConfig, dir: folder },
  tempDirName: '.cache/mutants/sandbox',
  ignorePatterns: [
    ...others('.', kept).map((name) => `/${name}`),
    ...others('packages', [room]).map((name) => `/packages/${name}`),
    ...others('scripts', ['vitest-summary.mjs']).map((name) => `/scripts/${name}`),
    ...others('.cache', ['mutants']).map((name) => `/.cache/${name}`),
    ...others(folder, ['src', 'test', 'package.json', 'tsconfig.json']).map((name) => `/${folder}/${name}`),
    '/.cache/mutants/sandbox',
  ],
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: report },
  concurrency: Number(process.env.COFFER_MUTANTS_AT_ONCE ?? 1),
  timeoutMS: 20_000,
  allowConsoleColors: false,
  disableTypeChecks: false,
  cleanTempDir: 'always',
}
const configFile = join(cache, `${room}.stryker.json`)
writeFileSync(configFile, JSON.stringify(config))

const stryker = join(root, 'scripts', 'node_modules', '.bin', 'stryker')
const { code } = await run(stryker, ['run', configFile])
if (code !== 0) process.exit(code)

const { files: results } = JSON.parse(readFileSync(report, 'utf8'))
const equivalent = new Map((wanted.equivalent ?? []).map((one) => [keyOf(one), one.why]))
const seen = new Set()
const rows = [['file', 'mutants', 'killed', 'equivalent', 'survived', '%']]
const survivors = []
let worst = 100
for (const [path, { source, mutants }] of Object.entries(results)) {
  const file = path.slice(folder.length + 1)
  const counted = mutants.filter(({ status }) => status !== 'CompileError' && status !== 'Ignored')
  const killed = counted.filter(({ status }) => status === 'Killed' || status === 'Timeout')
  const alive = counted.filter((mutant) => !killed.includes(mutant))
  const known = []
  for (const mutant of alive) {
    const { line } = mutant.location.start
    const original = textAt(source, mutant.location)
    const key = keyOf({ file, original, replacement: mutant.replacement })
    seen.add(key)
    if (equivalent.has(key)) known.push(mutant)
    else survivors.push(`${file}:${line} ${mutant.status}: ${clip(original)}  ->  ${clip(mutant.replacement)}`)
  }
  const percent = (100 * killed.length) / Math.max(1, counted.length - known.length)
  worst = Math.min(worst, percent)
  const open = alive.length - known.length
  rows.push([file, counted.length, killed.length, known.length, open, percent.toFixed(1)])
}
const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)))
for (const row of rows) console.log(row.map((cell, i) => String(cell).padEnd(widths[i])).join('  '))
for (const line of survivors) console.log(line)

const judged = new Set(Object.keys(results).map((path) => path.slice(folder.length + 1)))
const gone = [...equivalent.keys()].filter((key) => judged.has(key.split('\0')[0]) && !seen.has(key))
for (const key of gone) console.log(`listed as equivalent, but not there or killed: ${key.replaceAll('\0', ' | ')}`)
console.log(`report: ${pathToFileURL(report)}`)
process.exitCode = worst >= least && gone.length === 0 ? 0 : 1

function keyOf({ file, original, replacement }) {
  return [file, squeeze(original), squeeze(replacement)].join('\0')
}

function squeeze(text) {
  return text.replace(/\s+/g, ' ').trim()
}

function clip(text) {
  const line = squeeze(text)
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}

function textAt(source, { start, end }) {
  const lines = source.split('\n').slice(start.line - 1, end.line)
  const last = lines.length - 1
  lines[last] = lines[last].slice(0, end.column - 1)
  lines[0] = lines[0].slice(start.column - 1)
  return lines.join('\n')
}
