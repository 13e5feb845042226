// A process that shares tokens with others. Its parent says what it is and when to ask for a token.
import {
  chain,
  createTokenCache,
  isTokenCacheError,
  passwordLogin,
  publicClient,
  type Rotation,
  refreshToken,
  tokenEndpoint,
} from '@coffer/token-cache'
import { type KillPoint, killPointStore } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { openStore, type StoreAddress } from './open-store.js'
import { tracedFetch, tracedStore } from './traced.js'

/** What a worker is told at its start. */
export interface WorkerSetting {
  readonly url: string
  readonly rotation: Rotation
  readonly store: StoreAddress
  /** Where to report and stop for ever; the parent then kills or pauses the process. */
  readonly point: KillPoint | undefined
  /** Ask for a token again and again, instead of once. */
  readonly loop: boolean
}

const { WORKER_SETTING } = process.env
const setting: WorkerSetting = JSON.parse(WORKER_SETTING ?? 'null')
const { store: opened } = await openStore(setting.store)
const say = (line: string): void => {
  if (!setting.loop) process.send?.({ type: 'trace', line })
}
const unsealed = dangerouslyUnsealed(setting.loop ? opened : tracedStore(opened, 'worker', say))
let resume: () => void = () => {}
const resumed = new Promise<void>((resolve) => {
  resume = resolve
})
const store =
  setting.point === undefined
    ? unsealed
    : killPointStore(unsealed, setting.point, async () => {
        process.send?.({ type: 'at-point' })
        await resumed
      })

/** The parent's issuer learns who asks. */
const named: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers)
  headers.set('x-process', String(process.pid))
  return fetch(input, { ...init, headers })
}
const common = {
  issuer: 'https://issuer.example',
  client: publicClient('fleet'),
  fetch: setting.loop ? named : tracedFetch('worker', say, named),
  timeoutMs: 1_000,
  dangerouslyAllowHttp: 'loopback',
} as const
const grant = chain(
  refreshToken(tokenEndpoint({ ...common, url: `${setting.url}/token`, rotation: setting.rotation })),
  passwordLogin(tokenEndpoint({ ...common, url: `${setting.url}/login`, body: 'json' }), {
    subject: 'ops',
    password: 'x',
  }),
)
const tokens = createTokenCache({ grant, max: 10, store, loginIntervalMs: 0, busyWaitMs: 1_000 })
let told = ''

/** Tells the parent what came of a call, in a loop only when it is something else than the last time. */
function tell(message: {
  readonly type: 'token' | 'refused'
  readonly text: string
  readonly terminal: boolean
}): void {
  if (setting.loop && told === message.text) return
  told = message.text
  process.send?.(message)
}

async function ask(): Promise<void> {
  try {
    const token = await tokens.get({ scope: 'a' })
    tell({ type: 'token', text: token.reveal(), terminal: false })
  } catch (error) {
    const known = isTokenCacheError(error)
    tell({ type: 'refused', text: known ? error.code : 'unknown', terminal: !known || error.terminal })
  }
}

process.on('message', (message) => {
  if (message === 'resume') resume()
})
process.on('disconnect', () => process.exit(0))
await ask()
while (setting.loop) {
  await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60))
  await ask()
}
