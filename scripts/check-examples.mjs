// Compiles every ```ts block of every README against the packages' sources: an example that does not compile is a lie.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, tool } from './process.mjs'

const rooms = ['packages', 'apps'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(kind, name)))
const fence = /^```ts\n([\s\S]*?)^```$/gm
let count = 0
let failed = 0

for (const room of ['.', ...rooms]) {
  const readme = join(root, room, 'README.md')
  if (!existsSync(readme)) continue
  const text = readFileSync(readme, 'utf8')
  const blocks = [...text.matchAll(fence)]
  if (blocks.length === 0) continue
  // Below the room itself, so that imports resolve as they do for its own tests. The root's stand in the app that
  // composes the packages.
  const base = room === '.' ? join(root, 'apps/demo-api') : join(root, room)
  const folder = join(base, '.cache', 'examples')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [index, block] of blocks.entries()) {
    const line = text.slice(0, block.index).split('\n').length
    // Blank lines keep the compiler's line numbers those of the README.
    writeFileSync(join(folder, `example-${index + 1}.ts`), `${'\n'.repeat(line)}${block[1]}\nexport {}\n`)
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.test.json'),
      compilerOptions: {
        rootDir: root,
        noUnusedLocals: false,
        noUnusedParameters: false,
        skipLibCheck: room.startsWith('apps') || room === '.',
      },
      include: ['.'],
    }),
  )
  const { code, output } = await tool('tsc', ['-p', folder, '--pretty', 'false'], { print: false, keep: true })
  count += blocks.length
  if (code !== 0) {
    failed += 1
    console.error(`${join(room, 'README.md')}:`)
    console.error(output.replace(/^.*example-(\d+)\.ts\((\d+),/gm, 'example $1 (line $2,'))
  }
}

console.log(failed === 0 ? `${count} examples compile.` : `${failed} READMEs have examples that do not compile.`)
process.exitCode = failed === 0 && count > 0 ? 0 : 1
