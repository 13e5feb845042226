import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTokens } from '../../../src/auth/access-tokens.js'
import { createDirectory } from '../../../src/auth/directory.js'
import { createLogin } from '../../../src/auth/login.js'
import { createLookup } from '../../../src/auth/lookup.js'
import { createPasswords, type Passwords } from '../../../src/auth/passwords.js'
import { createRevocations } from '../../../src/auth/revocations.js'
import { createDatabase } from '../../../src/db/transaction.js'
import { createEncryption } from '../../../src/encryption/tenant-keyrings.js'
import { type Install, newInstall, type Role, type StartTestApp, type TestApp } from '../api.js'

/** Logins and changes that cross each other, over whichever database `start` opens. */
export function raceSuite(start: StartTestApp): void {
  let api: TestApp
  let install: Install
  beforeAll(async () => {
    install = await newInstall()
    api = await start({ sizes: { customers: 1, cards: 1, payments: 1 }, install })
  }, 120_000)
  afterAll(() => api?.close())

  /** Login as another process of this install has it, with something that happens while the password is compared. */
  async function loginDuring(meanwhile: () => Promise<unknown>) {
    const { clock, publicUrl } = api
    const { kek, refreshSecret } = install
    const database = createDatabase(api.app.source)
    const encryption = await createEncryption({ database, kek, clock })
    const directory = createDirectory({ database, clock })
    const revocations = await createRevocations({ database, issuer: publicUrl, clock })
    const admitsNetwork = () => Promise.resolve(true)
    const shared = { database, directory, admitsNetwork, clock }
    const tokens = await createTokens({ ...shared, encryption, revocations, publicUrl, refreshSecret })
    const real = await createPasswords()
    const passwords: Passwords = {
      hash: real.hash,
      verify: async (stored, password) => {
        const matches = await real.verify(stored, password)
        await meanwhile()
        return matches
      },
    }
    const lookup = createLookup({ database, platform: encryption.platform })
    const login = createLogin({ ...shared, lookup, passwords, tokens, permissions: [] })
    const stop = () => {
      tokens.keys.close()
      revocations.index.close()
      encryption.close()
    }
    return { login, tokens, stop }
  }

  const live = async (role: Role) => {
    const [row] = await api.rows<{ n: number }>(
      `select count(*)::int as n from app.coffer_jwt_families where not revoked and subject = $1`,
      [await idOf(role)],
    )
    return row?.n
  }
  const ids = new Map<Role, string>()
  async function idOf(role: Role): Promise<string> {
    const known = ids.get(role) ?? (await api.call('/v1/me', { token: await api.as('acme', role) })).body.id
    ids.set(role, known)
    return known
  }
  const credentials = (role: Role) => {
    const { email, password } = api.user('acme', role)
    return { email, password, clientId: undefined, scope: undefined }
  }
  const change = async (token: string, current: string, next: string) =>
    api.call('/v1/me/password', {
      method: 'POST',
      token,
      body: { current_password: current, new_password: next },
    })

  describe('a login whose password was compared before', () => {
    test('it was changed gets no session', async () => {
      await idOf('maker')
      const { password } = api.user('acme', 'maker')
      const token = await api.as('acme', 'maker')
      const other = await loginDuring(() => change(token, password, 'correct horse 7 staple'))
      await expect(other.login.withPassword(credentials('maker'), '127.0.0.1')).rejects.toMatchObject({
        code: 'credentials-invalid',
      })
      other.stop()
      // The one that the change itself has started.
      expect(await live('maker')).toBe(1)
    })

    test('its account was disabled gets no session', async () => {
      const subject = await idOf('support')
      const token = await api.as('acme', 'owner')
      const other = await loginDuring(() => api.call(`/v1/users/${subject}/disable`, { method: 'POST', token }))
      await expect(other.login.withPassword(credentials('support'), '127.0.0.1')).rejects.toMatchObject({
        code: 'credentials-invalid',
      })
      other.stop()
      expect(await live('support')).toBe(0)
    })

    test('a role was given to it gets one', async () => {
      const body = { user: await idOf('checker'), role: 'support' }
      const token = await api.as('acme', 'owner')
      const other = await loginDuring(() => api.call('/v1/assignments', { method: 'POST', token, body }))
      const issued = await other.login.withPassword(credentials('checker'), '127.0.0.1')
      expect(issued.toResponse()).toMatchObject({ token_type: 'Bearer' })
      other.stop()
    })
  })

  test('a login waits for a change that has ended the sessions and not committed yet, and gets none', async () => {
    const subject = await idOf('auditor')
    const before = (await live('auditor')) ?? 0
    const other = await loginDuring(() => Promise.resolve())
    const database = createDatabase(api.app.source)
    const revocations = await createRevocations({ database, issuer: api.publicUrl, clock: api.clock })
    const [user] = await api.rows<{ id: string; tenant_id: string }>(
      'select id, tenant_id from app.users where id in (select user_id from app.role_assignments where role = $1) and tenant_id in (select id from app.tenants where slug = $2)',
      ['auditor', 'acme'],
    )
    const hash = await (await createPasswords()).hash('correct horse 7 staple')
    const { attempt } = await database.tenant(user?.tenant_id ?? '', async (tx) => {
      await tx.query('update app.users set password_hash = $2 where id = $1', [user?.id, hash])
      await revocations.endSubject(tx, subject)
      const attempt = other.login.withPassword(credentials('auditor'), '127.0.0.1')
      attempt.catch(() => undefined)
      // A server has other connections: the session is there before the change is. The embedded database has one.
      if (api.app.source.kind === 'server') {
        await expect.poll(() => live('auditor'), { timeout: 20_000 }).toBe(before + 1)
      }
      return { attempt }
    })
    await expect(attempt).rejects.toMatchObject({ code: 'credentials-invalid' })
    expect(await live('auditor')).toBe(0)
    revocations.index.close()
    other.stop()
  })

  test('of two new passwords that both know the old one, one stands', async () => {
    await idOf('admin')
    const { password } = api.user('acme', 'admin')
    const token = await api.as('acme', 'admin')
    const answers = await Promise.all([
      change(token, password, 'correct horse 8 staple'),
      change(token, password, 'correct horse 9 staple'),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 401])
    expect(await live('admin')).toBe(1)
  })
}
