import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addDataKey, createKeyring, createLocalKeyEncryptionKey, createSealer } from '@coffer/field-encryption'
import { sealed, type TokenStore } from '@coffer/token-cache'
import { fileStore } from '@coffer/token-cache/file'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { createFinCodeClient } from '../../client.js'
import { personTokens } from '../../tokens.js'
import { needing, type TourContext, type TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'
import { findPlanted, type Planted } from '../search-dump.js'
import { recordTokens } from '../seen-tokens.js'
import { showStored } from '../stored.js'

export const tokenFile: TourStep = {
  title: 'Processes share a token through a file, which holds no token in clear',
  unless: needing('server', 'maker'),
  async run(context, report) {
    const directory = mkdtempSync(join(tmpdir(), 'coffer-tour-tokens-'))
    const unsealed = mkdtempSync(join(tmpdir(), 'coffer-tour-tokens-'))
    try {
      const store = sealed(fileStore({ directory }), await newSealer())
      const seen = await useFromTwoProcesses(context, store, store)
      const { email, password } = credential(context)
      const planted: Planted[] = [
        ...seen,
        { kind: 'e-mail', value: email },
        { kind: 'password', value: password.reveal() },
      ]
      report.fact('the first process logs in; the second takes the token over from the file: 0 requests')

      const files = readdirSync(directory)
      for (const name of files) {
        const { mode } = statSync(join(directory, name))
        expectSame(`who may read ${name}`, (mode & 0o777).toString(8), '600')
      }
      const texts = files.map((name) => `${name}\n${readFileSync(join(directory, name), 'utf8')}`)
      const body = texts.map((text) => /"body":"([^"]+)"/.exec(text)?.[1]).find((found) => found !== undefined)
      report.fact(`${files.length} small files, mode 600; where the tokens are: "body":"${showStored(body ?? '')}"`)

      const hits = findPlanted(texts, planted)
      const [first] = hits
      expectSame('hits', first === undefined ? 'none' : `${hits.length}: a ${first.kind}, ${first.form}`, 'none')
      report.fact(`${hits.length} hits of ${countsOf(planted)}`)
      report.fact('looked for as they are and as base64, base64url, hex and percent-encoded text')

      // A search that finds nothing proves something only if it would have found.
      const bare = dangerouslyUnsealed(fileStore({ directory: unsealed }))
      const others = await useFromTwoProcesses(context, bare, bare)
      const contents = readdirSync(unsealed).map((name) => readFileSync(join(unsealed, name), 'utf8'))
      const found = new Set(findPlanted(contents, others).map(({ kind }) => kind))
      expectThat('the search finds tokens that are not sealed', found.size === 2, '2 kinds', found.size)
      report.fact('the same search where the file is not sealed: finds access token and refresh token')
    } finally {
      for (const path of [directory, unsealed]) rmSync(path, { recursive: true, force: true })
    }
  },
}

/** AES-256-GCM under a key of this step's own; a deployed client takes its key from where it keeps its secrets. */
async function newSealer() {
  const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'tour', key: randomBytes(32) })
  const records = await addDataKey([], { keyEncryptionKey })
  const keyring = await createKeyring({ keyEncryptionKeys: [keyEncryptionKey], loadKeys: async () => records })
  return createSealer({ keyring, name: 'token-cache' })
}

/** Two caches as two processes would have them. Gives back every token that the first was given. */
async function useFromTwoProcesses(
  context: TourContext,
  first: TokenStore,
  second: TokenStore,
): Promise<readonly Planted[]> {
  const { baseUrl: issuer, clock, traffic } = context
  const wire = recordTokens(context.fetch)
  const options = { issuer, credential: credential(context), clock, fetch: wire.fetch }
  const one = personTokens({ ...options, store: first })
  const other = personTokens({ ...options, store: second })
  try {
    const tokens = one.for()
    const fetch = tokens.fetch({ origins: [issuer], fetch: context.fetch })
    await createFinCodeClient({ baseUrl: issuer, fetch }).me()
    const requests = traffic.logins + traffic.tokenRequests
    const same = (await other.get()).reveal() === (await tokens.get()).reveal()
    expectSame('the second process has the token of the first', same, true)
    expectSame('requests of the second process', traffic.logins + traffic.tokenRequests - requests, 0)
    return wire.seen
  } finally {
    await one.close()
    await other.close()
  }
}

function credential({ credentials }: TourContext) {
  const { maker } = credentials.people
  if (maker === undefined) throw new Error('no credentials for maker')
  return maker
}

function countsOf(planted: readonly Planted[]): string {
  return planted.map(({ kind }) => `the ${kind}`).join(', ')
}
