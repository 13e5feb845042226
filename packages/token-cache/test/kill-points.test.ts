import { systemClock } from '@coffer/lease'
import {
  chain,
  createTokenCache,
  passwordLogin,
  publicClient,
  type Rotation,
  refreshToken,
  type TokenCache,
  tokenEndpoint,
} from '@coffer/token-cache'
import type { KillPoint } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { afterAll, describe, expect, test } from 'vitest'
import { codeOf } from './arrange.js'
import { sharedStores, withTable } from './processes/addresses.js'
import { type WorkerFactory, workerFactory } from './processes/fork.js'
import { type IssuerServer, serveIssuer } from './processes/issuer-server.js'
import { openStore, type StoreAddress } from './processes/open-store.js'
import { gaveUp, tracedFetch, tracedStore } from './processes/traced.js'
import { startRedis } from './redis-server.js'

const { COFFER_DEEP } = process.env
const deep = COFFER_DEEP === '1'
const scope = { scope: 'a' }
const rotations: readonly Rotation[] = deep ? ['strict', { graceMs: 60_000 }, 'until-used', 'reusable'] : ['strict']
/** Inside the store's protocol, and on the wire: after sending, and after the issuer has done its part. */
const points = [
  'after-acquire',
  'before-intend',
  'after-intend',
  'sent',
  'committed',
  'before-commit',
  'after-commit',
  'before-release',
] as const
type Point = (typeof points)[number]
/** The points at which the answer differs; the others are between the same two writes as one of these. */
const telling: readonly Point[] = ['after-intend', 'sent', 'before-commit']

/** Long enough not to be over on arrival on a busy machine. */
const tokenMs = 3_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const redis = await startRedis()
const workers: WorkerFactory = await workerFactory()
const stores = sharedStores(workers.directory, redis)

afterAll(async () => {
  workers.close()
  await redis?.stop()
})

/** A cache of this process, beside the workers' on one store and one issuer. */
async function survivorOf(
  server: IssuerServer,
  address: StoreAddress,
  rotation: Rotation,
  trace: string[],
): Promise<{ tokens: TokenCache; close: () => Promise<void> }> {
  const say = (line: string): void => {
    trace.push(line)
  }
  const { store: opened, close } = await openStore(address)
  const store = tracedStore(opened, 'survivor', say)
  const common = {
    issuer: 'https://issuer.example',
    client: publicClient('fleet'),
    fetch: tracedFetch('survivor', say),
    timeoutMs: 1_000,
    dangerouslyAllowHttp: 'loopback',
  } as const
  const grant = chain(
    refreshToken(tokenEndpoint({ ...common, url: `${server.url}/token`, rotation })),
    passwordLogin(tokenEndpoint({ ...common, url: `${server.url}/login`, body: 'json' }), {
      subject: 'ops',
      password: 'x',
    }),
  )
  const tokens = createTokenCache({
    grant,
    max: 10,
    store: dangerouslyUnsealed(store),
    loginIntervalMs: 0,
    busyWaitMs: 1_000,
  })
  return { tokens, close }
}

async function recovered(tokens: TokenCache): Promise<string> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    const code = await codeOf(tokens.get(scope))
    if (code === 'resolved') return code
    await sleep(250)
  }
  return 'never'
}

async function runCase(
  point: Point,
  signal: 'SIGKILL' | 'SIGSTOP',
  address: StoreAddress,
  rotation: Rotation,
): Promise<void> {
  const server = await serveIssuer({ clock: systemClock, rotation, ttlMs: tokenMs })
  await withTable(address, () => runAt(server, point, signal, address, rotation))
}

async function runAt(
  server: IssuerServer,
  point: Point,
  signal: 'SIGKILL' | 'SIGSTOP',
  address: StoreAddress,
  rotation: Rotation,
): Promise<void> {
  const trace: string[] = []
  const survivor = await survivorOf(server, address, rotation, trace)
  try {
    await survivor.tokens.get(scope)
    await sleep(tokenMs)
    const inStore: KillPoint | undefined = point === 'sent' || point === 'committed' ? undefined : point
    const worker = workers.start({ url: server.url, rotation, store: address, point: inStore, loop: false })
    worker.child.on('message', (message: unknown) => {
      if (typeof message === 'object' && message !== null && 'line' in message) trace.push(String(message.line))
    })
    const reached = inStore === undefined ? onWire(server, point, worker.child.pid) : worker.next('at-point')
    await reached
    worker.child.kill(signal)
    expect(await recovered(survivor.tokens)).toBe('resolved')
    if (signal === 'SIGSTOP') {
      const late = Promise.race([worker.next('token'), worker.next('refused')])
      server.onRequest = async () => {}
      worker.child.kill('SIGCONT')
      worker.child.send('resume')
      await late
      worker.child.kill('SIGKILL')
      await sleep(tokenMs)
      expect(await recovered(survivor.tokens)).toBe('resolved')
    }
    const { presentedAgain, familiesRevoked, logins } = server.issuer.counts()
    expect(familiesRevoked).toBe(0)
    if (rotation === 'strict') expect(presentedAgain).toBe(0)
    // One to begin with, one for the interruption, and one for each answer that this busy machine was too slow for.
    const tooLate = trace.filter((line) => line.includes(gaveUp)).length
    if (logins > 2) console.log(`${point} ${signal}: ${logins} logins, ${tooLate} too late\n${trace.join('\n')}`)
    expect(logins, trace.join('\n')).toBeLessThanOrEqual(2 + tooLate)
  } finally {
    await survivor.close()
    await server.close()
  }
}

/** Resolves when the worker's request is at a stage, which it then does not leave while the worker is gone. */
function onWire(server: IssuerServer, point: Point, pid: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    server.onRequest = async (stage, from) => {
      if (from !== pid || stage !== point) return
      resolve()
      await sleep(500)
    }
  })
}

/** An issuer that does not rotate is asked without an intent. */
function reachable(rotation: Rotation): readonly Point[] {
  if (!deep) return telling
  return rotation === 'reusable' ? points.filter((point) => !point.endsWith('-intend')) : points
}

describe.each(deep ? stores : stores.slice(0, 1))('%s store', (_, open) => {
  if (typeof open === 'string') {
    test('processes killed and paused at every step', (context) => context.skip(open))
    return
  }
  describe.each(rotations)('under %j', (rotation) => {
    test.concurrent.each(reachable(rotation))(
      'a process killed at %s: nobody presents a refresh token twice, and the next recovers',
      async (point) => {
        await runCase(point, 'SIGKILL', open(), rotation)
      },
      180_000,
    )
    if (!deep) return
    test.concurrent.each(reachable(rotation))(
      'a process paused at %s beyond its lease: the same, and its late result harms nobody',
      async (point) => {
        await runCase(point, 'SIGSTOP', open(), rotation)
      },
      180_000,
    )
  })
})
