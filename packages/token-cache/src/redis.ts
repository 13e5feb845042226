/**
 * A store in Redis or Valkey, for processes of many hosts.
 *
 * @module
 */
import { integerIn, refuseUnknown } from './check-options.js'
import { TokenCacheError } from './errors.js'
import type { ReleaseOutcome, Snapshot, TokenStore } from './store.js'

/** What is used of an ioredis client. */
export interface RedisClient {
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>
  /** Needed with `waitReplicas`. The replicas that have every write of this connection. */
  wait?(replicas: number, timeoutMs: number): Promise<unknown>
}

export interface RedisStoreOptions {
  readonly client: RedisClient
  /** Default `coffer:token:`. */
  readonly prefix?: string
  /** A record that is not touched for this long is gone. Default 2 592 000 000 ms (30 days). */
  readonly retainMs?: number
  /** Replicas that must have each intent and commit before it counts; too few is a failure of the store. Default 0. */
  readonly waitReplicas?: number
}

/**
 * Keeps records in hashes. Every method is one script, by the server's clock.
 *
 * A failover can lose the last write, and with it an intent: a strict issuer's guarantee needs `waitReplicas`, or
 * `appendfsync always` on a server without replicas.
 */
export function redisStore(options: RedisStoreOptions): TokenStore {
  refuseUnknown('options', options, ['client', 'prefix', 'retainMs', 'waitReplicas'])
  const { client, prefix = 'coffer:token:' } = options
  if (typeof client?.eval !== 'function') throw new TypeError('client must have eval')
  if (typeof prefix !== 'string') throw new TypeError('prefix must be a string')
  const retainMs = integerIn('retainMs', options.retainMs ?? 2_592_000_000, 60_000, Number.MAX_SAFE_INTEGER)
  const waitReplicas = integerIn('waitReplicas', options.waitReplicas ?? 0, 0, 100)
  if (waitReplicas > 0 && typeof client.wait !== 'function')
    throw new TypeError('client must have wait for waitReplicas')
  return new RedisStore(client, prefix, retainMs, waitReplicas)
}

// Times are kept as milliseconds of the server's clock. ARGV[1] is always retainMs.
const head = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local function number(name) return tonumber(redis.call('HGET', KEYS[1], name) or '0') end
local function keep() redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
local function snapshot()
  local r = redis.call('HMGET', KEYS[1], 'fence', 'generation', 'body', 'committed', 'hold', 'digest', 'attempt', 'dead', 'intended')
  if not r[1] then return nil end
  return { r[1], r[2] or '0', r[3] or '', tostring(r[4] and now - r[4] or 0), tostring(r[5] and r[5] - now or 0),
    r[6] or '', r[7] or '0', r[8] or '0', tostring(r[9] and now - r[9] or 0) }
end
`
const current = `if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[2] then return 0 end\n`

const scripts = {
  read: `${head} return snapshot()`,
  acquire: `${head}
if number('lease') > now then return nil end
redis.call('HINCRBY', KEYS[1], 'fence', 1)
redis.call('HSET', KEYS[1], 'lease', string.format('%.0f', now + ARGV[2]))
keep()
return snapshot()`,
  renew: `${head}${current} redis.call('HSET', KEYS[1], 'lease', string.format('%.0f', now + ARGV[3])) keep() return 1`,
  intend: `${head}${current}
redis.call('HSET', KEYS[1], 'digest', ARGV[3], 'attempt', ARGV[4], 'dead', '0', 'intended', string.format('%.0f', now))
keep()
return 1`,
  commit: `${head}${current}
if number('generation') >= tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[3], 'body', ARGV[4], 'committed', string.format('%.0f', now))
redis.call('HDEL', KEYS[1], 'hold', 'digest', 'attempt', 'dead', 'intended')
keep()
return 1`,
  release: `${head}${current}
redis.call('HDEL', KEYS[1], 'lease')
if ARGV[3] == 'clear' then redis.call('HDEL', KEYS[1], 'digest', 'attempt', 'dead', 'intended') end
if ARGV[3] == 'dead' and redis.call('HEXISTS', KEYS[1], 'digest') == 1 then redis.call('HSET', KEYS[1], 'dead', '1') end
if tonumber(ARGV[4]) > 0 then redis.call('HSET', KEYS[1], 'hold', string.format('%.0f', now + ARGV[4]))
else redis.call('HDEL', KEYS[1], 'hold') end
keep()
return 1`,
} as const

// A script may not call WAIT: it follows the script on the same connection.
const waitMs = 5_000

class RedisStore implements TokenStore {
  readonly persistence = 'shared'
  readonly #client: RedisClient
  readonly #prefix: string
  readonly #retainMs: number
  readonly #waitReplicas: number

  constructor(client: RedisClient, prefix: string, retainMs: number, waitReplicas: number) {
    this.#client = client
    this.#prefix = prefix
    this.#retainMs = retainMs
    this.#waitReplicas = waitReplicas
  }

  async read(key: string): Promise<Snapshot | undefined> {
    return snapshotOf(await this.#run('read', key))
  }

  async acquire(key: string, _owner: string, ttlMs: number): Promise<Snapshot | undefined> {
    return snapshotOf(await this.#run('acquire', key, Math.ceil(ttlMs)))
  }

  async renew(key: string, fence: number, ttlMs: number): Promise<boolean> {
    return isOne(await this.#run('renew', key, fence, Math.ceil(ttlMs)))
  }

  async intend(
    key: string,
    fence: number,
    intent: { readonly digest: string; readonly attempt: 1 | 2 },
  ): Promise<boolean> {
    return await this.#durably(isOne(await this.#run('intend', key, fence, intent.digest, intent.attempt)))
  }

  async commit(key: string, fence: number, generation: number, body: Uint8Array): Promise<boolean> {
    return await this.#durably(isOne(await this.#run('commit', key, fence, generation, toBase64(body))))
  }

  async release(key: string, fence: number, outcome: ReleaseOutcome): Promise<void> {
    await this.#run('release', key, fence, outcome.intent, Math.ceil(outcome.holdMs))
  }

  async #durably(written: boolean): Promise<boolean> {
    if (!written || this.#waitReplicas === 0) return written
    const replicas = await this.#client.wait?.(this.#waitReplicas, waitMs)
    if (Number(replicas) < this.#waitReplicas) throw new Error('too few replicas have the write')
    return true
  }

  async #run(script: keyof typeof scripts, key: string, ...args: (string | number)[]): Promise<unknown> {
    return await this.#client.eval(scripts[script], 1, this.#prefix + key, this.#retainMs, ...args)
  }
}

function snapshotOf(reply: unknown): Snapshot | undefined {
  if (!Array.isArray(reply)) return undefined
  const [fence, generation, body, ageMs, holdMs, digest, attempt, dead, intentAgeMs] = reply.map(String)
  return {
    fence: numberOf(fence),
    generation: numberOf(generation),
    body: body === undefined || body === '' ? undefined : fromBase64(body),
    ageMs: Math.max(0, numberOf(ageMs)),
    holdMs: Math.max(0, numberOf(holdMs)),
    intent:
      digest === undefined || digest === ''
        ? undefined
        : { digest, attempt: attempt === '1' ? 1 : 2, dead: dead === '1', ageMs: Math.max(0, numberOf(intentAgeMs)) },
  }
}

function numberOf(text: string | undefined): number {
  const number = Number(text)
  if (text === undefined || text === '' || !Number.isFinite(number)) throw corrupt()
  return number
}

function corrupt(): TokenCacheError {
  return new TokenCacheError('COFFER_TOKEN_CACHE_STORE_CORRUPT')
}

function isOne(reply: unknown): boolean {
  return Number(reply) === 1
}

// Text, because a client without buffer replies would decode raw bytes as UTF-8.
function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return btoa(text)
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (one) => one.charCodeAt(0))
  } catch {
    throw corrupt()
  }
}
