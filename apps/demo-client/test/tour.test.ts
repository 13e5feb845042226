import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// Slow on purpose, about fifteen seconds after the build: this is `pnpm tour` itself, as two processes, with argon2,
// TLS and an embedded PostgreSQL. What it shows cannot be shown by parts.
const root = fileURLToPath(new URL('../../../', import.meta.url))
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const minutes = 60_000

let temporary = ''
const started: ChildProcess[] = []

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'coffer-tour-'))
  const build = start('scripts/run-app.mjs', ['demo-client', '--help'])
  let said = ''
  build.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [code] = await once(build, 'close')
  expect(code, said).toBe(0)
}, 5 * minutes)

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await rm(temporary, { recursive: true })
})

function start(file: string, args: readonly string[]) {
  const child = spawn(process.execPath, [file, ...args], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  child.stderr.resume()
  return child
}

interface Line {
  readonly type: string
  readonly step?: string
  readonly outcome?: string
  readonly facts?: readonly string[]
  readonly failure?: unknown
}

/** Starts the tour and collects its lines; `until` resolves at the first line of that step. */
function tour(args: readonly string[]) {
  const child = start(main, ['--json', ...args])
  const lines: Line[] = []
  const ended = once(child, 'close')
  const reader = createInterface({ input: child.stdout })
  const until = (step: string) =>
    new Promise<Line>((resolve, reject) => {
      reader.on('line', (text) => {
        const line = JSON.parse(text) as Line
        if (line.step === step) resolve(line)
      })
      child.once('close', () => reject(new Error(`ended before ${step}`)))
    })
  reader.on('line', (text) => lines.push(JSON.parse(text) as Line))
  return { child, lines, ended, until }
}

const portOf = ({ facts = [] }: Line) => Number(/:(\d+)$/.exec(facts[0] ?? '')?.[1])

/** Free a moment ago, and so refused. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** Whether somebody listens. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

describe('the tour', () => {
  it(
    'shows every step against a server of its own and no secret, and ends with 0 and nothing left behind',
    async () => {
      const { lines, ended } = tour([])
      const [code] = await ended
      const failed = lines.filter(({ type, outcome }) => type === 'step' && outcome !== 'passed')
      expect(failed).toEqual([])
      expect(code).toBe(0)
      expect(lines.at(-1)).toMatchObject({ type: 'tour', outcome: 'passed', skipped: 0 })
      // The forms of an API token, of a JWT and of a sample password.
      const text = JSON.stringify(lines)
      for (const secret of [/fc_(test|live)_[A-Za-z0-9]/, /eyJ[A-Za-z0-9_-]{10}/, /\b[a-z0-9]{6}(-[a-z0-9]{6}){3}\b/])
        expect(text).not.toMatch(secret)
      const [start, search] = ['00-start', '18-dump'].map((name) => lines.find(({ step }) => step === name))
      expect(search?.facts?.at(-1)).toMatch(/^0 hits of \d{3,} planted values in \d{3,} rows$/)
      const file = lines.find(({ step }) => step === '20-token-file')
      expect(file?.facts).toContain('0 hits of the access token, the refresh token, the e-mail, the password')
      expect(file?.facts?.at(-1)).toMatch(/not sealed: finds access token and refresh token$/)
      expect(await listens(portOf(start ?? { type: '' }))).toBe(false)
      expect(await readdir(temporary)).toEqual([])
    },
    2 * minutes,
  )

  it(
    'interrupted, ends with 130, its server ends in order, and nothing is left behind',
    async () => {
      const { child, ended, until, lines } = tour([])
      const first = await until('00-start')
      await until('02-public-documents')
      child.kill('SIGINT')
      const [code] = await ended
      expect(code).toBe(130)
      expect(lines.at(-1)).toMatchObject({ type: 'tour', outcome: 'interrupted' })
      expect(await listens(portOf(first))).toBe(false)
      expect(await readdir(temporary)).toEqual([])
    },
    minutes,
  )

  it(
    'killed, its server does not outlive it',
    async () => {
      const { child, ended, until } = tour([])
      const port = portOf(await until('00-start'))
      expect(await listens(port)).toBe(true)
      child.kill('SIGKILL')
      await ended
      await expect.poll(() => listens(port), { timeout: 10_000 }).toBe(false)
    },
    minutes,
  )
})

describe('a server elsewhere', () => {
  it(
    'that is not there fails the first step that asks for it, with what the system said',
    async () => {
      const url = `https://127.0.0.1:${await freePort()}`
      const child = spawn(process.execPath, [main, '--base-url', url, '--only', '2'], {
        env: { ...process.env, FINCODE_API_TOKEN_ID: 'tok_1', FINCODE_API_TOKEN: 'canary' },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      started.push(child)
      let out = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        out += text
      })
      const [code] = await once(child, 'close')
      expect(code).toBe(1)
      expect(out).toContain('ECONNREFUSED')
      expect(out).toContain('none was answered')
      expect(out).not.toContain('canary')
    },
    minutes,
  )

  it(
    'without credentials is refused with 78 and the name of the variable',
    async () => {
      const environment = Object.entries(process.env).filter(([name]) => !name.startsWith('FINCODE_'))
      const child = spawn(process.execPath, [main, '--base-url', 'https://127.0.0.1:1'], {
        env: Object.fromEntries(environment),
        stdio: ['ignore', 'inherit', 'pipe'],
      })
      started.push(child)
      let err = ''
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        err += text
      })
      const [code] = await once(child, 'close')
      expect(code).toBe(78)
      expect(err).toMatch(/^FINCODE_API_TOKEN_ID is not set[^\n]*\n$/)
    },
    minutes,
  )
})
