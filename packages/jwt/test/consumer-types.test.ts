import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const room = fileURLToPath(new URL('..', import.meta.url))
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
const minutes = 120_000

/** What the compiler says; nothing when it is content. */
async function compile(...args: readonly string[]): Promise<string> {
  const run = promisify(execFile)(process.execPath, [compiler, ...args], { cwd: room })
  return run.then(
    ({ stdout }) => stdout,
    (error: unknown) => String(error instanceof Error && 'stdout' in error ? error.stdout : error),
  )
}

const consumer = `
import { createVerifier } from './types/index.js'
import { createIssuer } from './types/issue/index.js'
import { postgresRefreshStore } from './types/postgres.js'
import { fakeIssuer } from './types/testing/index.js'
export const doors = [createVerifier, createIssuer, postgresRefreshStore, fakeIssuer]
// @ts-expect-error What is declared is a type, not any.
createVerifier(42)
`
const strict = '--ignoreConfig --noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false'
const modern = '--target es2022 --module nodenext'

describe('the published types compile, every library file checked', () => {
  let folder = ''
  beforeAll(async () => {
    await mkdir(join(room, '.cache'), { recursive: true })
    folder = await mkdtemp(join(room, '.cache/consumer-'))
    const alone = '--composite false --incremental false --declaration --emitDeclarationOnly --declarationMap false'
    expect(await compile(...alone.split(' '), '--outDir', join(folder, 'types'))).toBe('')
    await writeFile(join(folder, 'use.ts'), consumer)
  }, minutes)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const uses = (lib: string, types: string) =>
    compile(...`${strict} ${modern} --lib ${lib}`.split(' '), '--types', types, join(folder, 'use.ts'))

  test('for Node.js without the DOM', { timeout: minutes }, async () => {
    expect(await uses('es2022', 'node')).toBe('')
  })
  test('for a browser without the types of Node.js', { timeout: minutes }, async (context) => {
    if (process.env['COFFER_DEEP'] !== '1') context.skip('compiles once more: set COFFER_DEEP=1')
    expect(await uses('es2022,dom,dom.iterable', '')).toBe('')
  })
})
