import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createApp } from '../../src/app.js'
import { mintIdentity } from '../../src/tls.js'
import { call, freePort, postJson } from '../http/client.js'

const timeout = 60_000

async function appWith(options: { readonly kek: Uint8Array; readonly log?: (line: string) => void }) {
  const port = await freePort()
  const tls = await mintIdentity('localhost', Date.now())
  const app = await createApp({
    publicUrl: `https://localhost:${port}`,
    tls,
    database: { kind: 'memory' },
    refreshSecret: randomBytes(32),
    seed: null,
    securityContact: 'https://example.com/security',
    ...options,
  })
  return { app, port, target: { port, ca: tls.ca } }
}

describe('the API without demo data', () => {
  it('starts, is ready and knows nobody', { timeout }, async () => {
    const lines: string[] = []
    const { app, port, target } = await appWith({ kek: randomBytes(32), log: (line) => lines.push(line) })
    await app.listen(port)
    expect(app.credentials).toEqual([])
    expect((await call(target, { path: '/health/ready' })).json).toEqual({ status: 'ready' })
    const login = await postJson(target, '/v1/auth/login', {
      email: 'owner.acme@example.com',
      password: 'correct horse 1',
    })
    expect(login.status).toBe(401)
    expect(lines.join('')).not.toMatch(/owner\.acme|correct horse|127\.0\.0\.1/)
    await app.close()
  })

  it('is refused a port that is taken, and closes its database all the same', { timeout }, async () => {
    const { app, port } = await appWith({ kek: randomBytes(32) })
    const { app: second } = await appWith({ kek: randomBytes(32) })
    await app.listen(port)
    await expect(second.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await second.close()
    await expect(second.source.transaction(async () => 'open')).rejects.toThrow()
    await app.close()
  })

  it('is not made with a KEK of another length', { timeout }, async () => {
    await expect(appWith({ kek: randomBytes(31) })).rejects.toBeInstanceOf(Error)
  })
})
