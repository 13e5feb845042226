// A process that shares tokens with others. Its parent says what it is and when to ask for a token.
import {
  chain,
  createTokenCache,
  passwordLogin,
  publicClient,
  type Rotation,
  refreshToken,
  tokenEndpoint,
} from '@coffer/token-cache'
import { type KillPoint, killPointStore } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { openStore, type StoreAddress } from './open-store.js'

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
const unsealed = dangerouslyUnsealed(opened)
let resume: () => void = () => {}
const told = new Promise<void>((resolve) => {
  resume = resolve
})
const store =
  setting.point === undefined
    ? unsealed
    : killPointStore(unsealed, setting.point, async () => {
        process.send?.({ type: 'at-point' })
        await told
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
  fetch: named,
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

async function ask(): Promise<void> {
  try {
    const token = await tokens.get({ scope: 'a' })
    process.send?.({ type: 'token', token: token.reveal() })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    process.send?.({ type: 'refused', code })
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
