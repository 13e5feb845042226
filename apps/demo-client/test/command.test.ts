import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CommandOptions, runCommand } from '../src/command.js'
import { ServerFailure } from '../src/failures.js'
import { FinCodeProblem } from '../src/problem.js'
import type { TourStep } from '../src/tour/context.js'
import { expectSame } from '../src/tour/expect.js'
import type { TourServer } from '../src/tour/server.js'

const sample = {
  FINCODE_API_TOKEN_ID: 'tok_sample',
  FINCODE_API_TOKEN: 'canary-api-token',
  FINCODE_MAKER_EMAIL: 'maker@example.com',
  FINCODE_MAKER_PASSWORD: 'canary-password',
}

function fakeServer() {
  const calls: string[] = []
  const server: TourServer = {
    baseUrl: 'https://localhost:1',
    ca: '-----BEGIN CERTIFICATE-----',
    environment: sample,
    forward: async () => undefined,
    row: async () => ({}),
    cardNumbers: async () => [],
    dump: async () => [],
    stop: async () => void calls.push('stop'),
  }
  return { server, calls }
}

const passing: TourStep = { title: 'passes', run: async (_, report) => report.fact('seen') }
const failing: TourStep = {
  title: 'fails',
  run: async () => expectSame('the status', 'succeeded', 'requires_approval'),
}

async function run(args: readonly string[], more: Partial<CommandOptions> = {}) {
  let out = ''
  let err = ''
  const { server, calls } = fakeServer()
  const code = await runCommand({
    args,
    environment: {},
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: (text: string) => (err += text) },
    signal: new AbortController().signal,
    steps: { '01-first': passing, '02-second': passing },
    startServer: async () => {
      calls.push('start')
      return server
    },
    ...more,
  })
  return { code, out, err, calls }
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'coffer-command-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the exit code', () => {
  it('is 0 when every step passes, and the server is stopped', async () => {
    const { code, out, err, calls } = await run([])
    expect([code, err, calls]).toEqual([0, '', ['start', 'stop']])
    expect(out).toContain('The tour is complete: 2 passed')
  })

  it('is 1 at the first step that fails, with both values and the request, and the server is stopped', async () => {
    const { code, out, calls } = await run([], { steps: { '01-first': failing, '02-second': passing } })
    expect([code, calls]).toEqual([1, ['start', 'stop']])
    expect(out).toMatch(
      /FAIL {2}01-first.*\n +the status\n +expected +requires_approval\n +actual +succeeded\n +request +/,
    )
    expect(out).not.toContain('02-second')
  })

  it('of a refusal carries its request ID in JSON too', async () => {
    const refused: TourStep = { title: 'x', run: () => Promise.reject(new FinCodeProblem('not-found', 404, 'req_7')) }
    const { code, out } = await run(['--json'], { steps: { '01-first': refused } })
    const lines = out.trimEnd().split('\n')
    expect(code).toBe(1)
    expect(JSON.parse(lines[2] ?? '')).toMatchObject({ failure: { actual: '404 not-found', requestId: 'req_7' } })
  })

  it('is 130 when interrupted, and the server is stopped', async () => {
    const controller = new AbortController()
    const waiting: TourStep = {
      title: 'waits',
      run: () => {
        controller.abort()
        return new Promise(() => undefined)
      },
    }
    const { code, calls } = await run([], { steps: { '01-first': waiting }, signal: controller.signal })
    expect([code, calls]).toEqual([130, ['start', 'stop']])
  })

  it('is 130 when interrupted while the server starts', async () => {
    const controller = new AbortController()
    const startServer = () => {
      controller.abort()
      return Promise.reject(new ServerFailure('ended'))
    }
    expect(await run([], { signal: controller.signal, startServer })).toMatchObject({ code: 130, err: '' })
  })

  it('is 1 when the server does not come up, with its own words', async () => {
    const startServer = () => Promise.reject(new ServerFailure('Error: EACCES'))
    const { code, out } = await run([], { startServer })
    expect(code).toBe(1)
    expect(out).toMatch(/^FAIL {2}00-start.*\n +the tour's own server\n.*\n +actual +Error: EACCES\n/m)
  })

  it.each([
    ['an unknown option', ['--fast']],
    ['an unknown step', ['--only', '99']],
    ['a server elsewhere without credentials', ['--base-url', 'https://localhost:1']],
    ['a CA file that is not there', ['--base-url', 'https://localhost:1', '--ca', '/nonexistent/ca.pem']],
  ])('is 78 for %s, in one line, and no server is started', async (_, args) => {
    const { code, out, err, calls } = await run(args)
    expect([code, out, calls]).toEqual([78, '', []])
    expect(err).toMatch(/^[^\n]+\n$/)
  })

  it('is 78 for a CA file that holds no certificate', async () => {
    const file = join(folder, 'ca.pem')
    await writeFile(file, 'canary-not-a-certificate')
    const { code, err } = await run(['--base-url', 'https://localhost:1', '--ca', file], { environment: sample })
    expect(code).toBe(78)
    expect(err).not.toContain('canary')
  })
})

describe('a server elsewhere', () => {
  it('is driven with the credentials of the environment, and none is started', async () => {
    const { code, calls } = await run(['--base-url', 'https://localhost:1'], { environment: sample })
    expect([code, calls]).toEqual([0, []])
  })

  it('without FINCODE_API_TOKEN_ID is refused by that name', async () => {
    const { err } = await run(['--base-url', 'https://localhost:1'])
    expect(err).toMatch(/^FINCODE_API_TOKEN_ID is not set/)
  })
})

describe('the own server', () => {
  it("gives the client part its sample credentials, whatever the caller's environment holds", async () => {
    let seen: unknown
    const looking: TourStep = {
      title: 'looks',
      run: async ({ credentials }) => {
        seen = [credentials.apiToken?.tokenId, Object.keys(credentials.people)]
      },
    }
    await run([], { steps: { '01-first': looking }, environment: { FINCODE_API_TOKEN_ID: 'tok_other' } })
    expect(seen).toEqual(['tok_sample', ['maker']])
  })
})

describe('output', () => {
  it('--only runs one step', async () => {
    const { out } = await run(['--only', 'second'])
    expect(out).toContain('02-second')
    expect(out).not.toContain('01-first')
  })

  it('--help names every option, every step and every exit code, and starts nothing', async () => {
    const { code, out, calls } = await run(['--help'])
    expect([code, calls]).toEqual([0, []])
    for (const word of [
      '--only',
      '--json',
      '--base-url',
      '--ca',
      'NO_COLOR',
      'FINCODE_API_TOKEN',
      '78',
      '130',
      '02-second',
    ])
      expect(out).toContain(word)
  })

  it.each([[[]], [['--json']]])('never holds a credential, whatever a step throws or reports (%j)', async (args) => {
    const careless: TourStep = {
      title: 'careless',
      run: async ({ credentials }, report) => {
        report.fact(`${String(credentials.apiToken?.apiToken)} ${JSON.stringify(credentials)}`)
        expectSame('credentials', JSON.stringify(credentials.people), '')
      },
    }
    const { code, out, err } = await run(args, { steps: { '01-first': careless } })
    expect(code).toBe(1)
    expect(out + err).toContain('[redacted]')
    expect(out + err).not.toContain('canary')
  })
})
