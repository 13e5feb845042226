// Compiles every ```ts block of every README and MIGRATION against the packages' sources: an example that does not
// compile is a lie.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root, tool } from './process.mjs'

const rooms = ['packages', 'apps'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(kind, name)))
const fence = /^```ts\n([\s\S]*?)^```$/gm
let count = 0
let failed = 0

const documents = ['README', 'MIGRATION']

for (const room of ['.', ...rooms]) {
  // Below the room itself, so that imports resolve as they do for its own tests. The root's stand in the app that
  // composes the packages.
  const base = room === '.' ? join(root, 'apps/demo-api') : join(root, room)
  const folder = join(base, '.cache', 'examples')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const written = documents.map((name) => writeExamples(join(root, room, `${name}.md`), join(folder, name)))
  const blocks = written.reduce((sum, found) => sum + found, 0)
  if (blocks === 0) continue
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
  count += blocks
  if (code !== 0) {
    failed += 1
    console.error(
      output.replace(/^.*?([A-Z]+)-example-(\d+)\.ts\((\d+),/gm, `${join(room, '$1.md')}: example $2 (line $3,`),
    )
  }
}

console.log(failed === 0 ? `${count} examples compile.` : `${failed} rooms have examples that do not compile.`)
process.exitCode = failed === 0 && count > 0 ? 0 : 1

/** Writes each example of a document as a module of its own, `// users.ts` at its head as that file; how many. */
function writeExamples(document, prefix) {
  if (!existsSync(document)) return 0
  const text = readFileSync(document, 'utf8')
  const blocks = [...text.matchAll(fence)]
  for (const [index, block] of blocks.entries()) {
    const line = text.slice(0, block.index).split('\n').length
    // Blank lines keep the compiler's line numbers those of the document.
    const named = block[1].match(/^\/\/ ([a-z-]+\.ts)\n/)?.[1]
    const file = named ? join(dirname(prefix), named) : `${prefix}-example-${index + 1}.ts`
    writeFileSync(file, `${'\n'.repeat(line)}${block[1]}\nexport {}\n`)
  }
  return blocks.length
}
