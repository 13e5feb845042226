import { X509Certificate } from 'node:crypto'
import { connect as connectPlain } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isServable, mintIdentity } from '../../src/tls.js'
import { start, type TestApi, testApi } from './api.js'
import { open } from './client.js'

let api: TestApi
const dayMs = 86_400_000

beforeAll(async () => {
  api = await testApi()
})
afterAll(() => api[Symbol.asyncDispose]())

describe('the listener', () => {
  it.each([
    ['TLSv1.3', 'TLSv1.3'],
    ['TLSv1.2', 'TLSv1.2'],
  ] as const)('speaks %s', async (minVersion, protocol) => {
    const socket = await open(api, { minVersion, maxVersion: minVersion })
    expect(socket.getProtocol()).toBe(protocol)
    socket.destroy()
  })

  it.each(['TLSv1', 'TLSv1.1'] as const)('refuses %s', async (version) => {
    await expect(
      open(api, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
    ).rejects.toMatchObject({
      code: expect.stringMatching(/PROTOCOL|VERSION|ECONNRESET/),
    })
  })

  it.each(['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'AES256-SHA', 'ECDHE-ECDSA-AES256-SHA384'])(
    'refuses %s, which lacks forward secrecy or an AEAD',
    async (ciphers) => {
      await expect(open(api, { maxVersion: 'TLSv1.2', ciphers })).rejects.toThrow()
    },
  )

  it('is not trusted without its authority', async () => {
    await expect(open({ port: api.port, ca: '' }, { ca: undefined })).rejects.toMatchObject({
      code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/),
    })
  })

  it('does not negotiate HTTP/2', async () => {
    const socket = await open(api, { ALPNProtocols: ['http/1.1', 'h2'] })
    expect(socket.alpnProtocol).toBe('http/1.1')
    socket.destroy()
  })

  it('answers plain HTTP with nothing', async () => {
    const socket = connectPlain({ host: '127.0.0.1', port: api.port })
    let received = 0
    socket.on('data', (chunk) => {
      received += chunk.length
    })
    socket.write(`GET / HTTP/1.1\r\nHost: localhost:${api.port}\r\n\r\n`)
    await new Promise((resolve) => socket.once('close', resolve))
    // A TLS alert at most: no status line, no header.
    expect(received).toBeLessThan(16)
  })
})

describe('a minted identity', () => {
  it('is a P-256 leaf for the host, localhost and loopback, signed by an authority that may sign nothing below it', async () => {
    const identity = await mintIdentity('api.example', start)
    const leaf = new X509Certificate(identity.cert)
    const authority = new X509Certificate(identity.ca)
    expect(leaf.subjectAltName).toBe('DNS:api.example, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(leaf.verify(authority.publicKey)).toBe(true)
    expect(leaf.checkIssued(authority)).toBe(true)
    expect(leaf.ca).toBe(false)
    expect(authority.ca).toBe(true)
    expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
    expect(Date.parse(leaf.validTo) - start).toBe(90 * dayMs)
  })

  it('serves until seven days before its end, from its beginning, and for its names alone', async () => {
    const identity = await mintIdentity('api.example', start)
    expect(isServable(identity, 'api.example', start)).toBe(true)
    expect(isServable(identity, 'localhost', start)).toBe(true)
    expect(isServable(identity, 'other.example', start)).toBe(false)
    expect(isServable(identity, 'localhost', start + 83 * dayMs - 1)).toBe(true)
    expect(isServable(identity, 'localhost', start + 83 * dayMs)).toBe(false)
    expect(isServable(identity, 'localhost', start - 2 * 3_600_000)).toBe(false)
    expect(isServable({ ...identity, cert: 'torn' }, 'localhost', start)).toBe(false)
  })
})
