// Selective import, proven: each package is packed, its tarball installed alone into an empty project, and loaded by
// `import` and by `require()` on every Node line it supports.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { house } from './architecture/house.mjs'
import { root, run } from './process.mjs'
import { binaries } from './runtimes.mjs'

const quiet = { print: false, keep: true }

async function must(command, args, options) {
  const { code, output } = await run(command, args, { ...quiet, ...options })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}\n${output}`)
  return output
}

const entriesOf = (manifest) =>
  Object.entries(manifest.exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([subpath]) => manifest.name + subpath.slice(1))

const work = mkdtempSync(join(tmpdir(), 'coffer-import-'))
let failed = 0
try {
  const found = await binaries(['node-20', 'node-22', 'node-24', 'node-26'])
  if (found.length === 0)
    console.log(`Other Node lines come as Linux x64 binaries only; here the proof runs on ${process.version}.`)
  const runtimes = found.length > 0 ? found : [{ version: process.version, path: process.execPath }]
  const tarballs = new Map()
  for (const name of Object.keys(house.packages)) {
    const output = await must('pnpm', ['pack', '--pack-destination', work, '--json'], {
      cwd: join(root, 'packages', name),
    })
    tarballs.set(`@coffer/${name}`, JSON.parse(output.slice(output.indexOf('{'))).filename)
  }

  for (const [name, rules] of Object.entries(house.packages)) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8'))
    const project = join(work, name)
    mkdirSync(project)
    writeFileSync(join(project, 'package.json'), JSON.stringify({ private: true, name: 'empty' }))
    // A sibling that is not on the registry yet comes as its own tarball.
    const siblings = rules.imports
      .filter((dependency) => tarballs.has(dependency))
      .map((dependency) => tarballs.get(dependency))
    await must(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarballs.get(manifest.name), ...siblings],
      { cwd: project },
    )

    const expected = [manifest.name, ...rules.imports].sort()
    const found = readdirSync(join(project, 'node_modules'))
      .filter((entry) => !entry.startsWith('.'))
      .flatMap((entry) =>
        entry.startsWith('@')
          ? readdirSync(join(project, 'node_modules', entry)).map((inner) => `${entry}/${inner}`)
          : [entry],
      )
      .sort()
    if (found.join() !== expected.join()) {
      failed += 1
      console.error(`${name}: installs [${found.join(', ')}], the table says [${expected.join(', ')}]`)
    }

    const entries = entriesOf(manifest)
    const check = `const names = (m) => Object.keys(m).filter((k) => k !== 'default' && k !== '__esModule' && k !== 'module.exports').sort().join()`
    writeFileSync(
      join(project, 'both.mjs'),
      `import { createRequire } from 'node:module'\n${check}\nconst require = createRequire(import.meta.url)\nfor (const entry of ${JSON.stringify(entries)}) {\n  const imported = names(await import(entry))\n  const required = names(require(entry))\n  if (imported === '' || imported !== required) throw new Error(entry + ': import gives [' + imported + '], require() gives [' + required + ']')\n}\n`,
    )
    writeFileSync(
      join(project, 'required.cjs'),
      `for (const entry of ${JSON.stringify(entries)}) if (Object.keys(require(entry)).length === 0) throw new Error(entry + ' is empty')\n`,
    )
    for (const { version, path } of runtimes)
      for (const script of ['both.mjs', 'required.cjs']) {
        const { code, output } = await run(path, ['--no-warnings', script], { cwd: project, ...quiet })
        if (code === 0) continue
        failed += 1
        console.error(`${name} on Node ${version}, ${script}:\n${output}`)
      }
    console.log(
      `${manifest.name}: ${entries.length} entries by import and require() on Node ${runtimes.map(({ version }) => version).join(', ')}`,
    )
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
process.exitCode = failed === 0 ? 0 : 1
