import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { openDataDirectory } from '../../src/data-directory.js'
import type { TlsIdentity } from '../../src/server.js'
import { StartError } from '../../src/start-error.js'
import { mintIdentity } from '../../src/tls.js'

const start = Date.UTC(2026, 0, 15, 12)
const dayMs = 86_400_000
const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const otherKey = Buffer.from(key).reverse()
let identity: TlsIdentity
let folder: string

beforeAll(async () => {
  identity = await ownIdentity()
  folder = mkdtempSync(join(tmpdir(), 'coffer-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** A certificate that no demo has issued. */
async function ownIdentity(): Promise<TlsIdentity> {
  const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])
  const [notBefore, notAfter] = [new Date(start - 3_600_000), new Date(start + 90 * dayMs)]
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=api.example',
    notBefore,
    notAfter,
    keys,
    signingAlgorithm,
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: cert.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}

function refusal(env: Record<string, string>, now = start): string {
  try {
    loadConfig(env, now)
  } catch (error) {
    expect(error).toBeInstanceOf(StartError)
    return (error as StartError).message
  }
  return 'not refused'
}

function production(): Record<string, string> {
  return {
    COFFER_PROFILE: 'production',
    PUBLIC_URL: 'https://api.example',
    DATABASE_URL: 'postgresql://coffer@db.example/coffer?sslmode=verify-full',
    KEK: key.toString('base64'),
    REFRESH_SECRET: otherKey.toString('base64url'),
    TLS_CERT: identity.cert,
    TLS_KEY: identity.key,
    SECURITY_CONTACT: 'mailto:security@api.example',
  }
}

describe('settings', () => {
  it('need nothing for the demo', () => {
    expect(loadConfig({}, start)).toMatchObject({
      profile: 'demo',
      publicUrl: 'https://localhost:8443',
      httpsPort: 8443,
      databaseUrl: undefined,
      kek: undefined,
      tls: undefined,
      accessTokenTtlSeconds: 3600,
    })
    expect(loadConfig({ HTTPS_PORT: '9443' }, start).publicUrl).toBe('https://localhost:9443')
  })

  it('for production are all there', () => {
    expect(loadConfig(production(), start)).toMatchObject({
      profile: 'production',
      httpsPort: 443,
      publicUrl: 'https://api.example',
    })
  })

  it.each(['PUBLIC_URL', 'DATABASE_URL', 'KEK', 'REFRESH_SECRET', 'SECURITY_CONTACT'])(
    'for production include %s',
    (name) => {
      const { [name]: _left, ...rest } = production()
      expect(refusal(rest)).toBe(`${name}: is required in production`)
    },
  )

  it('for production include a certificate', () => {
    const { TLS_CERT: _cert, TLS_KEY: _key, ...rest } = production()
    expect(refusal(rest)).toBe('TLS_CERT: is required in production')
  })

  it.each(['', '?sslmode=require', '?sslmode=verify-ca', '?host=db.example'])(
    'for production refuse a database whose certificate is not checked (%j)',
    (query) => {
      const message = refusal({ ...production(), DATABASE_URL: `postgresql://coffer@db.example/coffer${query}` })
      expect(message).toMatch(/^DATABASE_URL: needs sslmode=verify-full/)
    },
  )

  it('for production take a Unix socket, which nobody is between', () => {
    const DATABASE_URL = 'postgresql://coffer@localhost/coffer?host=/run/postgresql'
    expect(refusal({ ...production(), DATABASE_URL })).toBe('not refused')
  })

  it('for production refuse one key for two purposes, and one byte over and over', () => {
    expect(refusal({ ...production(), REFRESH_SECRET: key.toString('hex') })).toBe('REFRESH_SECRET: is the same as KEK')
    for (const name of ['KEK', 'REFRESH_SECRET']) {
      const placeholder = { ...production(), [name]: Buffer.alloc(32, 7).toString('base64') }
      expect(refusal(placeholder)).toBe(`${name}: is one byte over and over`)
    }
  })

  it('for production refuse what a demo has made: its secrets, its certificate', async () => {
    const DATA_DIR = join(folder, 'demo')
    const demo = await openDataDirectory(DATA_DIR)
    const [kek, refreshSecret] = [await demo.secret('kek'), await demo.secret('refresh-secret')]
    await demo.release()
    const env = { ...production(), DATA_DIR }
    expect(refusal(env)).toBe('not refused')
    for (const [name, value] of [
      ['KEK', kek],
      ['KEK', refreshSecret],
      ['REFRESH_SECRET', refreshSecret],
    ] as const) {
      const copied = { ...env, [name]: Buffer.from(value).toString('hex') }
      expect(refusal(copied)).toBe(`${name}: is a secret that a demo has made`)
    }
    const { cert, key: privateKey } = await mintIdentity('api.example', start)
    const refused = refusal({ ...env, TLS_CERT: cert, TLS_KEY: privateKey })
    expect(refused).toBe('TLS_CERT: was issued by the authority of a demo')
  })

  it.each([
    ['COFFER_PROFILE', 'staging'],
    ['HTTPS_PORT', '65536'],
    ['HTTPS_PORT', '-1'],
    ['HTTPS_PORT', '0x50'],
    ['HTTPS_PORT', '08443'],
    ['HTTPS_PORT', ' 8443'],
    ['HTTPS_PORT', ''],
    ['PUBLIC_URL', 'http://localhost:8443'],
    ['PUBLIC_URL', 'https://localhost:8443/'],
    ['PUBLIC_URL', 'https://localhost:8443/api'],
    ['PUBLIC_URL', 'localhost'],
    ['DATABASE_URL', 'mysql://localhost/coffer'],
    ['DATABASE_URL', 'not a url'],
    ['KEK', 'short'],
    ['KEK', Buffer.alloc(31).toString('base64')],
    ['KEK', Buffer.alloc(33).toString('base64')],
    ['KEK', 'g'.repeat(64)],
    ['REFRESH_SECRET', `${'A'.repeat(43)}==`],
    ['ACCESS_TOKEN_TTL_S', '59'],
    ['ACCESS_TOKEN_TTL_S', '3601'],
    ['ACCESS_TOKEN_TTL_S', '1e3'],
    ['SECURITY_CONTACT', 'hello@example.com'],
    ['TLS_CERT', 'x'],
    ['KEK_FILE', '/nonexistent/kek'],
  ])('refuse %s=%j by its name, without its value', (name, value) => {
    const message = refusal({ [name]: value })
    expect(message).toMatch(new RegExp(`^(?:${name}|TLS_KEY): `))
    expect(message.split('\n')).toHaveLength(1)
    if (value.length > 8) expect(message).not.toContain(value)
  })

  it.each([
    ['ACCESS_TOKEN_TTL_S', '60'],
    ['ACCESS_TOKEN_TTL_S', '3600'],
    ['HTTPS_PORT', '0'],
    ['HTTPS_PORT', '65535'],
    ['KEK', Buffer.alloc(32, 1).toString('hex')],
    ['KEK', Buffer.alloc(32, 1).toString('base64url')],
  ])('take %s=%j', (name, value) => {
    expect(() => loadConfig({ [name]: value }, start)).not.toThrow()
  })

  it('report all their faults at once', () => {
    expect(refusal({ HTTPS_PORT: 'x', KEK: 'y', PUBLIC_URL: 'z' })).toMatch(/HTTPS_PORT: .*; PUBLIC_URL: .*; KEK: /)
  })

  it('are read from a file where NAME_FILE names one, and not from both', () => {
    const file = join(folder, 'kek')
    writeFileSync(file, `${key.toString('base64')}\n`)
    expect(loadConfig({ KEK_FILE: file }, start).kek).toEqual(Uint8Array.from(key))
    expect(refusal({ KEK_FILE: file, KEK: key.toString('base64') })).toBe('KEK: is given twice, as KEK and KEK_FILE')
  })

  it('refuse a certificate that is not valid yet, that ends within seven days, or whose key is another', async () => {
    const { TLS_CERT = '', TLS_KEY = '' } = production()
    const tls = { TLS_CERT, TLS_KEY }
    const { notBefore, notAfter } = { notBefore: start - 3_600_000, notAfter: start + 90 * dayMs }
    expect(refusal(tls, notBefore - 1000)).toBe('TLS_CERT: is not valid yet')
    expect(refusal(tls, notBefore)).toBe('not refused')
    expect(refusal(tls, notAfter - 7 * dayMs)).toBe('not refused')
    expect(refusal(tls, notAfter - 7 * dayMs + 1)).toBe('TLS_CERT: has less than seven days left')
    const other = await mintIdentity('api.example', start)
    expect(refusal({ ...tls, TLS_KEY: other.key })).toBe('TLS_KEY: is not the private key of TLS_CERT')
    expect(refusal({ TLS_CERT })).toBe('TLS_KEY: is missing beside TLS_CERT')
  })
})
