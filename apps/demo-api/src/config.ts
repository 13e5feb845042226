import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { weakKeys } from './demo-keys.js'
import type { TlsIdentity } from './server.js'
import { StartError, type StartFault } from './start-error.js'

/** What the process was told, once, at start. */
export interface Config {
  readonly profile: 'demo' | 'production'
  readonly publicUrl: string
  readonly httpsPort: number
  readonly dataDir: string
  /** A PostgreSQL server; `undefined`: embedded, in the data directory. */
  readonly databaseUrl: string | undefined
  /** `undefined`: made in the data directory. The demo only. */
  readonly kek: Uint8Array | undefined
  readonly refreshSecret: Uint8Array | undefined
  readonly tls: TlsIdentity | undefined
  readonly securityContact: string
  readonly accessTokenTtlSeconds: number
}

/** Whether the server is known to be itself: by its certificate, or because it is on this machine. */
function isVerified({ searchParams, hostname }: URL): boolean {
  const socket = hostname === '' || (searchParams.get('host') ?? '').startsWith('/')
  return socket || searchParams.get('sslmode') === 'verify-full'
}

type Environment = Readonly<Record<string, string | undefined>>

const defaultDataDir = fileURLToPath(new URL('../../../.data', import.meta.url))
const secretBytes = 32

/**
 * Reads the settings from an environment; `NAME_FILE` names a file that holds the value of `NAME`.
 *
 * @throws {StartError} with every fault at once. Shows no value.
 */
export function loadConfig(env: Environment, now: number): Config {
  const faults: StartFault[] = []
  const settings = createReader(env, faults)
  const profile = settings.oneOf('COFFER_PROFILE', ['demo', 'production'], 'demo')
  const production = profile === 'production'
  const httpsPort = settings.integer('HTTPS_PORT', { min: 0, max: 65_535, fallback: production ? 443 : 8443 })
  const publicUrl = settings.origin('PUBLIC_URL', production ? undefined : `https://localhost:${httpsPort}`)
  const config: Config = {
    profile,
    publicUrl,
    httpsPort,
    dataDir: settings.text('DATA_DIR', defaultDataDir),
    databaseUrl: settings.databaseUrl('DATABASE_URL'),
    kek: settings.secret('KEK'),
    refreshSecret: settings.secret('REFRESH_SECRET'),
    tls: settings.tls(now),
    securityContact: settings.contact('SECURITY_CONTACT', production ? undefined : 'mailto:hello@fincode.co.uk'),
    accessTokenTtlSeconds: settings.integer('ACCESS_TOKEN_TTL_S', { min: 60, max: 3600, fallback: 3600 }),
  }
  if (production) {
    const required = {
      DATABASE_URL: config.databaseUrl,
      KEK: config.kek,
      REFRESH_SECRET: config.refreshSecret,
      TLS_CERT: config.tls,
    }
    for (const [setting, value] of Object.entries(required)) {
      const known = faults.some((fault) => fault.setting === setting)
      if (value === undefined && !known) faults.push({ setting, fault: 'is required in production' })
    }
    if (config.databaseUrl !== undefined && !isVerified(new URL(config.databaseUrl))) {
      faults.push({ setting: 'DATABASE_URL', fault: 'needs sslmode=verify-full in production, or a Unix socket' })
    }
    faults.push(...weakKeys(config))
  }
  if (faults.length > 0) throw new StartError(faults)
  return config
}

function createReader(env: Environment, faults: StartFault[]) {
  const fail = (setting: string, fault: string): undefined => {
    faults.push({ setting, fault })
    return undefined
  }

  function read(setting: string): string | undefined {
    const value = env[setting]
    const file = env[`${setting}_FILE`]
    if (value !== undefined && file !== undefined)
      return fail(setting, `is given twice, as ${setting} and ${setting}_FILE`)
    if (file === undefined) return value === '' ? fail(setting, 'is empty') : value
    try {
      return readFileSync(file, 'utf8').trim()
    } catch {
      return fail(`${setting}_FILE`, 'cannot be read')
    }
  }

  function text(setting: string, fallback: string): string {
    return read(setting) ?? fallback
  }

  function oneOf<const T extends string>(setting: string, values: readonly T[], fallback: T): T {
    const value = read(setting)
    const found = values.find((allowed) => allowed === value)
    if (value !== undefined && found === undefined) fail(setting, `is not one of ${values.join(', ')}`)
    return found ?? fallback
  }

  function integer(setting: string, { min, max, fallback }: { min: number; max: number; fallback: number }): number {
    const value = read(setting)
    if (value === undefined) return fallback
    const number = /^(?:0|[1-9]\d{0,9})$/.test(value) ? Number(value) : Number.NaN
    if (number >= min && number <= max) return number
    fail(setting, `is not a whole number from ${min} to ${max}`)
    return fallback
  }

  function parsed(value: string): URL | undefined {
    return URL.canParse(value) ? new URL(value) : undefined
  }

  function origin(setting: string, fallback: string | undefined): string {
    const value = read(setting)
    if (value === undefined && fallback === undefined) fail(setting, 'is required in production')
    const url = parsed(value ?? fallback ?? '')
    if (value !== undefined && (url?.protocol !== 'https:' || url.origin !== value)) {
      fail(setting, 'is not an https: origin without path or trailing slash')
    }
    return url?.origin ?? ''
  }

  function contact(setting: string, fallback: string | undefined): string {
    const value = read(setting) ?? fallback
    if (value === undefined) fail(setting, 'is required in production')
    else if (!/^(?:mailto:|https:)[\x21-\x7e]+$/.test(value)) fail(setting, 'is not a mailto: or https: URI')
    return value ?? ''
  }

  function databaseUrl(setting: string): string | undefined {
    const value = read(setting)
    if (value === undefined || /^postgres(?:ql)?:$/.test(parsed(value)?.protocol ?? '')) return value
    return fail(setting, 'is not a postgresql: URL')
  }

  /** 32 bytes as base64, base64url or hexadecimal. */
  function secret(setting: string): Uint8Array | undefined {
    const value = read(setting)
    if (value === undefined) return undefined
    const hex = /^[0-9a-f]{64}$/i.test(value)
    const base64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(value)
    if (!hex && !base64) return fail(setting, `is not ${secretBytes} bytes in base64 or hexadecimal`)
    return Uint8Array.from(Buffer.from(value, hex ? 'hex' : 'base64'))
  }

  function tls(now: number): TlsIdentity | undefined {
    const cert = read('TLS_CERT')
    const key = read('TLS_KEY')
    if (cert === undefined && key === undefined) return undefined
    if (cert === undefined) return fail('TLS_CERT', 'is missing beside TLS_KEY')
    if (key === undefined) return fail('TLS_KEY', 'is missing beside TLS_CERT')
    return checkTls(cert, key, now, fail)
  }

  return { text, oneOf, integer, origin, contact, databaseUrl, secret, tls }
}

const weekMs = 7 * 86_400_000

function checkTls(
  cert: string,
  key: string,
  now: number,
  fail: (setting: string, fault: string) => undefined,
): TlsIdentity | undefined {
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch {
    return fail('TLS_CERT', 'is not a certificate in PEM; a path belongs in TLS_CERT_FILE')
  }
  if (now < Date.parse(leaf.validFrom)) return fail('TLS_CERT', 'is not valid yet')
  if (now + weekMs > Date.parse(leaf.validTo)) return fail('TLS_CERT', 'has less than seven days left')
  return isKeyOf(leaf, key) ? { cert, key } : fail('TLS_KEY', 'is not the private key of TLS_CERT')
}

function isKeyOf(leaf: X509Certificate, key: string): boolean {
  try {
    return leaf.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
