/** A process of an issuer over PostgreSQL that kills itself at one call of its stores: the setting says at which. */
import { createRevocationIndex, type Revocation } from '@coffer/jwt'
import { createIssuer, createKeyRing, type Issuer, type KeyRing } from '@coffer/jwt/issue'
import {
  type PostgresClient,
  postgresKeyRingStore,
  postgresRefreshStore,
  postgresRevocations,
} from '@coffer/jwt/postgres'
import { gcmSealer, grant, secret } from '../issue/support.js'
import { issuer } from '../support.js'

/** What a process does, and where it dies. */
export interface WorkerSetting {
  readonly url: string
  readonly prefix: string
  readonly sealerKey: string
  readonly story: Story
  /** The call at which it dies, from 1; 0: never. */
  readonly point: number
  /** Before the call is sent, once it is sent, or once it is answered. */
  readonly moment: Moment
  /** What the client holds. */
  readonly held: string
  readonly sessionId: string
  readonly kid: string
  /** How far the clock of its key ring is ahead, in ms. */
  readonly aheadMs: number
}

export type Moment = 'before' | 'sent' | 'answered'
export type Story = keyof typeof stories

const stories = {
  login: (tokens: Issuer) => tokens.issueWithRefresh(grant),
  refresh: (tokens: Issuer, _: KeyRing, { held }: WorkerSetting) => tokens.refresh(held, { clientId: 'web' }),
  'narrowed refresh': (tokens: Issuer, _: KeyRing, { held }: WorkerSetting) =>
    tokens.refresh(held, { clientId: 'web', scope: ['payments:read'] }),
  'end of a session': (tokens: Issuer, _: KeyRing, { sessionId }: WorkerSetting) => tokens.revokeSession(sessionId),
  'end of a subject': (tokens: Issuer) => tokens.revokeSubject(grant.subject),
  'end of a client': (tokens: Issuer) => tokens.revokeClient(grant.clientId),
  reuse: (tokens: Issuer, _: KeyRing, { held }: WorkerSetting) => tokens.refresh(held, { clientId: 'web' }),
  maintenance: (_: Issuer, ring: KeyRing) => ring.maintain(),
  'loss of a key': (_: Issuer, ring: KeyRing, { kid }: WorkerSetting) => ring.revoke(kid),
} as const

interface Connection extends PostgresClient {
  connect(): Promise<unknown>
}

async function live(setting: WorkerSetting): Promise<void> {
  const { default: pg }: { default: { Client: new (options: object) => Connection } } = await import('pg' as string)
  const connection = new pg.Client({ connectionString: setting.url })
  await connection.connect()
  let calls = 0
  let isArmed = false
  const die = (): Promise<never> => {
    process.kill(process.pid, 'SIGKILL')
    return new Promise<never>(() => undefined)
  }
  const client: PostgresClient = {
    async query(text, values) {
      if (!isArmed || ++calls !== setting.point) return connection.query(text, values)
      if (setting.moment === 'before') return die()
      const answer = connection.query(text, values)
      if (setting.moment === 'answered') await answer
      else await new Promise((resolve) => setImmediate(resolve))
      return die()
    },
  }
  const options = { client, issuer, prefix: setting.prefix }
  const clock = { now: () => Date.now() + setting.aheadMs }
  const ring = await createKeyRing({
    issuer,
    algorithm: 'ES256',
    store: postgresKeyRingStore(options),
    sealer: gcmSealer(Buffer.from(setting.sealerKey, 'hex')),
    clock: { now: () => (isArmed ? clock.now() : Date.now()) },
    timers: null,
  })
  const index = createRevocationIndex({ onUnavailable: 'refuse', feed: postgresRevocations(options), timers: null })
  const revocation = { revoke: (one: Revocation) => index.revoke(one) }
  const tokens = createIssuer({
    issuer,
    keys: ring,
    revocation,
    refresh: { store: postgresRefreshStore(options), secret, retryWindowMs: setting.story === 'reuse' ? 0 : 10_000 },
  })
  isArmed = true
  await stories[setting.story](tokens, ring, setting).catch(() => undefined)
  process.send?.({ calls })
  process.disconnect()
  process.exit(0)
}

await live(JSON.parse(String(process.env['WORKER_SETTING'])) as WorkerSetting)
