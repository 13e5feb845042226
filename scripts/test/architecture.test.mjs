import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { breachesOf } from '../architecture/rules.mjs'
import { importsOf } from '../architecture/source.mjs'

const house = {
  packages: { vault: { imports: ['jose'], node: ['testing/'] } },
  apps: { shop: { imports: ['@coffer/vault', 'fastify'] } },
  drawers: ['utils', 'helpers', 'common'],
  sourceLines: 10,
  packageReadme: { lines: 12, headings: ['Install', 'Use', 'Errors'] },
}
const readme = '# vault\n\n## Install\n\n## Use\n\n## Errors\n`COFFER_VAULT_SHUT`\n'

let root
const write = (file, text) => {
  mkdirSync(dirname(join(root, file)), { recursive: true })
  writeFileSync(join(root, file), text)
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coffer-house-'))
  const entry = { '.': { '@coffer/source': './src/index.ts' } }
  write(
    'packages/vault/package.json',
    JSON.stringify({ name: '@coffer/vault', dependencies: { jose: '1' }, exports: entry }),
  )
  write('packages/vault/README.md', readme)
  write('packages/vault/src/index.ts', "export { open } from './open.js'\n")
  write('packages/vault/src/open.ts', "import { jwtVerify } from 'jose'\nexport const open = jwtVerify\n")
  write('packages/vault/src/errors.ts', "export type Code = 'COFFER_VAULT_SHUT'\n")
  write(
    'apps/shop/package.json',
    JSON.stringify({ name: '@coffer/shop', dependencies: { '@coffer/vault': '1', fastify: '1' } }),
  )
  write(
    'apps/shop/src/main.ts',
    "import { readFile } from 'node:fs/promises'\nimport { open } from '@coffer/vault'\nvoid open, readFile\n",
  )
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

test('a house in order has no breach', () => {
  expect(breachesOf(root, house)).toEqual([])
})

const one = (needle) => {
  const breaches = breachesOf(root, house)
  expect(breaches).toHaveLength(1)
  expect(breaches[0]).toContain(needle)
}

test.each([
  ['a package that imports an app', "import '@coffer/shop'\n", 'imports @coffer/shop'],
  ['a package that imports a framework', "import fastify from 'fastify'\n", 'imports fastify'],
  [
    'a subpath of a dependency nobody allowed',
    "export const f = () => import('pg/lib/client')\n",
    'imports pg/lib/client',
  ],
  [
    'a type taken from a sibling',
    "import type { X } from '@coffer/lease'\nexport type Y = X\n",
    'imports @coffer/lease',
  ],
  [
    'a node: module in a portable room',
    "import { createHash } from 'node:crypto'\nexport const x = createHash\n",
    'imports node:crypto',
  ],
  ['a way out of src/', "import '../package.json'\n", 'outside its own src/'],
  ['export *', "export *\n  from './open.js'\n", 'export *'],
  ['a re-export outside the entries', "export { open } from './open.js'\n", 're-exports'],
  ['a default export', 'export default 1\n', 'default export'],
  ['the environment read in a package', 'export const home = process.env.HOME\n', 'reads process'],
  ['a file over the limit', 'export const x = 1\n'.repeat(11).replace(/x/g, () => `x${Math.random()}`), '11 lines'],
])('%s is named', (_, text, needle) => {
  write('packages/vault/src/breach.ts', text)
  one(needle)
})

test('node: is allowed where the table says so', () => {
  write(
    'packages/vault/src/testing/index.ts',
    "import { createHash } from 'node:crypto'\nexport const x = createHash\n",
  )
  expect(breachesOf(root, house)).toEqual([])
})

test('what a comment or a text says is no import', () => {
  write(
    'packages/vault/src/said.ts',
    "// import 'fastify'\n/* export * from 'pg' */\nexport const url = 'https://a.example//x'\n",
  )
  expect(breachesOf(root, house)).toEqual([])
})

test('a drawer is named, as file and as folder', () => {
  write('packages/vault/src/utils.ts', 'export const x = 1\n')
  write('apps/shop/src/common/money.ts', 'export const x = 1\n')
  expect(breachesOf(root, house)).toHaveLength(2)
})

test('a dependency that the table does not have is named', () => {
  write(
    'apps/shop/package.json',
    JSON.stringify({ name: '@coffer/shop', dependencies: { '@coffer/vault': '1', fastify: '1', lodash: '1' } }),
  )
  one('lodash')
})

test('a room without a row, and a row without a room, are named', () => {
  write('packages/attic/package.json', '{}')
  rmSync(join(root, 'apps/shop'), { recursive: true })
  expect(breachesOf(root, house)).toHaveLength(2)
})

test('a README without its headings, over its length or lacking a code is named', () => {
  write('packages/vault/README.md', readme.replace('## Use', '## Usage'))
  one('headings are [Install, Usage, Errors]')
  write('packages/vault/README.md', readme + '\n'.repeat(9))
  one('at most 12')
  write('packages/vault/README.md', readme.replace('COFFER_VAULT_SHUT', ''))
  one('lacks COFFER_VAULT_SHUT')
  rmSync(join(root, 'packages/vault/README.md'))
  one('has no README.md')
})

test('imports are found in every form, with their line', () => {
  const text =
    "import a from 'a'\nimport {\n  b,\n} from \"b\"\nimport 'c'\nexport { d } from 'd'\nconst e = await import('e')\nconst f = 'not an import'\nexport const g = Buffer.from('neither')\n"
  expect(importsOf(text).map(({ specifier }) => specifier)).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(importsOf(text)[2].line).toBe(5)
})
