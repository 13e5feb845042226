// Side by side with pinned peers: `node scripts/bench.mjs [room …]`. Each bench asserts its results before it times them
// and prints one JSON object a line: { bench, ours_ns, peer, peer_ns, ratio, target }.
import { existsSync, readdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { root, run, tool } from './process.mjs'

const rooms = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const benches = ['packages', 'apps'].flatMap((kind) =>
  readdirSync(join(root, kind))
    .filter((name) => rooms.length === 0 || rooms.includes(name))
    .map((name) => join(kind, name))
    .filter((folder) => existsSync(join(root, folder, 'bench')))
    .flatMap((folder) =>
      readdirSync(join(root, folder, 'bench'))
        .filter((file) => file.endsWith('.bench.ts'))
        .map((file) => ({ folder, file })),
    ),
)
if (benches.length === 0) {
  console.error(`no benches in ${rooms.join(', ') || 'the house'}`)
  process.exit(1)
}

const build = await tool('turbo', ['run', 'build', '--output-logs=errors-only'], { print: false, keep: true })
if (build.code !== 0) {
  console.error(build.output)
  process.exit(1)
}

const loader = join(root, 'scripts', 'node_modules', 'tsx', 'dist', 'esm', 'index.mjs')
const rows = []
let failed = 0
for (const { folder, file } of benches) {
  console.error(`${folder}/bench/${file} …`)
  const { code, output } = await run(process.execPath, ['--expose-gc', '--import', loader, join('bench', file)], {
    cwd: join(root, folder),
    print: false,
    keep: true,
  })
  if (code !== 0) {
    failed += 1
    console.error(output)
    continue
  }
  for (const line of output.split('\n')) {
    if (!line.startsWith('{')) continue
    const row = JSON.parse(line)
    // A bare number is a ratio to reach.
    rows.push(typeof row.target === 'number' ? { ...row, target: `>= ${row.target}` } : row)
  }
}

const time = (ns) => {
  if (ns === undefined || ns === null) return ''
  const unit = ns < 1e3 ? [1, 'ns'] : ns < 1e6 ? [1e3, 'µs'] : [1e6, 'ms']
  return `${(ns / unit[0]).toPrecision(3)} ${unit[1]}`
}
const table = [['bench', 'ours', 'peer', 'theirs', 'ratio', 'target', '']]
for (const row of rows) {
  const reached = row.target === undefined ? '' : meets(row) ? 'reached' : 'not reached'
  table.push([
    row.bench,
    time(row.ours_ns),
    row.peer ?? '',
    time(row.peer_ns),
    row.ratio === undefined ? '' : `${Number(row.ratio).toPrecision(3)}x`,
    row.target ?? '',
    reached,
  ])
}
const widths = table[0].map((_, column) => Math.max(...table.map((row) => String(row[column]).length)))
console.log(`\nNode ${process.versions.node}, ${cpus()[0]?.model.trim()}, ${cpus().length} cores\n`)
for (const row of table)
  console.log(
    row
      .map((cell, column) => String(cell).padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
process.exitCode = failed === 0 ? 0 : 1

/** A target is text such as '>= 5' or '<= 1.15', for the ratio. */
function meets({ ratio, target }) {
  const [, operator, bound] = /^(>=|<=|>|<)\s*([\d.]+)/.exec(target) ?? []
  if (!operator) return false
  return { '>=': ratio >= bound, '<=': ratio <= bound, '>': ratio > bound, '<': ratio < bound }[operator]
}
