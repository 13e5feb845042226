import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isJwtError } from '@coffer/jwt'
import { fakeClock, fakeIssuer, type HostileToken, hostileTokens } from '@coffer/jwt/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isDeep, seeded } from '../properties/random.js'
import { type Edit, type Guard, guards } from './guards.js'

const source = fileURLToPath(new URL('../../src/', import.meta.url))
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url))

const clock = fakeClock()
let folder: string
let issuer: Awaited<ReturnType<typeof fakeIssuer>>
let hostile: readonly HostileToken[]

beforeAll(async () => {
  mkdirSync(cache, { recursive: true })
  // Inside the package, so that its dependencies are found from there.
  folder = mkdtempSync(join(cache, 'guards-'))
  issuer = await fakeIssuer({ algorithm: 'ES256', clock })
  hostile = await hostileTokens(issuer, { include: 'all' })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function applied(text: string, { file, guard, replacement }: Edit): string {
  const [before, after, ...more] = text.split(guard)
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`${file} does not have this once: ${guard}`)
  return before + replacement + after
}

/** The verifying half of the package, with one guard taken away. */
function copyWithout({ edits }: Guard, name: string): string {
  const copy = join(folder, name)
  cpSync(source, copy, { recursive: true, filter: (path) => !/\/(?:issue|postgres|testing)(?:\/|$)/.test(path) })
  for (const edit of edits) {
    const path = join(copy, edit.file)
    writeFileSync(path, applied(readFileSync(path, 'utf8'), edit))
  }
  return join(copy, 'index.ts')
}

/** What the suite finds: tokens that were accepted, and those that were refused with another code. */
async function findings(entry: string): Promise<{ readonly accepted: string[]; readonly miscalled: string[] }> {
  const { createVerifier, remoteKeys }: typeof import('@coffer/jwt') = await import(/* @vite-ignore */ entry)
  const keys = remoteKeys(issuer.url, { fetch: issuer.fetch, clock, timers: null })
  const policy = { issuer: issuer.issuer, audience: issuer.audience, algorithms: ['ES256'], keys } as const
  const verifier = createVerifier({ issuers: [policy], clock })
  await verifier.ready()
  const [accepted, miscalled]: [string[], string[]] = [[], []]
  for (const { id, token, code } of hostile) {
    try {
      await verifier.verify(token)
      accepted.push(id)
    } catch (error) {
      // A guard that is gone may also let nonsense through to code that trips over it.
      if (!isJwtError(error) || error.code !== code) miscalled.push(id)
    }
  }
  return { accepted, miscalled }
}

test('every guard that is taken away here is there, once', () => {
  for (const { edits } of guards) {
    for (const edit of edits) expect(() => applied(readFileSync(join(source, edit.file), 'utf8'), edit)).not.toThrow()
  }
})

test('every class of the hostile suite has a guard here, and an accepted token to show for it', () => {
  const classes = new Set(hostile.map(({ id }) => id.split(':')[0]))
  const held = new Set(guards.filter((one) => one.isSecond === undefined).map((one) => one.class))
  expect([...held].sort()).toEqual([...classes].sort())
})

test('the copy itself, with every guard in place, refuses all', async () => {
  const entry = copyWithout({ class: '', name: '', edits: [] }, 'whole')
  expect(await findings(entry)).toEqual({ accepted: [], miscalled: [] })
}, 120_000)

const random = seeded('guards')
const chosen = guards.filter(() => isDeep || random.chance(1 / guards.length))

test.each(chosen)(
  'without the guard "$name" the hostile suite fails in its class $class',
  async (one) => {
    const { accepted, miscalled } = await findings(copyWithout(one, `mutant-${guards.indexOf(one)}`))
    const found = one.isSecond === undefined ? accepted : miscalled
    expect(found.filter((id) => id.startsWith(`${one.class}:`))).not.toEqual([])
  },
  120_000,
)
