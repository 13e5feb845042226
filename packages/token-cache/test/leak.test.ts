import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { virtualClock } from '@coffer/lease/testing'
import {
  AccessToken,
  chain,
  clientCredentials,
  clientSecretBasic,
  clientSecretPost,
  createTokenCache,
  isTokenCacheError,
  passwordLogin,
  refreshToken,
  sealed,
  TokenCacheError,
  type TokenCacheEvent,
  type TokenStore,
  tokenEndpoint,
} from '@coffer/token-cache'
import { fileStore } from '@coffer/token-cache/file'
import type { Fault } from '@coffer/token-cache/testing'
import { createFakeIssuer } from '@coffer/token-cache/testing'
import { dangerouslyUnsealed } from '@coffer/token-cache/unsafe'
import { describe, expect, test } from 'vitest'
import { aesSealer } from './aes-sealer.js'
import { codeOf, hour, settled } from './arrange.js'

const canaries = {
  secret: 'canary-client-secret-5f1c',
  password: 'canary-password-77aa',
  subject: 'canary-subject@acme.example',
  refresh: 'canary-refresh-token-90e2',
  access: 'canary-access-token-31bd',
  tenant: 'canary-tenant-c4c4',
} as const

/** A text as it could lie in bytes: plain, base64 at three alignments, base64url, hex, percent-encoded. */
function spellings(text: string): readonly string[] {
  const aligned = [0, 1, 2].map((shift) =>
    Buffer.from('x'.repeat(shift) + text)
      .toString('base64')
      .slice(shift === 0 ? 0 : 4, -4),
  )
  const hex = Buffer.from(text).toString('hex')
  const percent = encodeURIComponent(text)
  return [
    text,
    ...aligned,
    ...aligned.map((one) => one.replaceAll('+', '-').replaceAll('/', '_')),
    hex,
    hex.toUpperCase(),
    percent,
  ]
}

function leaksIn(haystack: string, secrets: readonly string[] = Object.values(canaries)): string[] {
  return secrets.filter((secret) => spellings(secret).some((spelling) => haystack.includes(spelling)))
}

function everythingOf(value: unknown): string {
  const shown = [inspect(value, { depth: 12, showHidden: true, getters: true }), String(value)]
  try {
    shown.push(JSON.stringify(value) ?? '', inspect(structuredClone(value), { depth: 12 }))
  } catch {
    // What cannot be cloned cannot leak that way.
  }
  if (value instanceof Error) shown.push(value.stack ?? '', value.message, inspect(value.cause))
  return shown.join('\n')
}

/** An issuer's fetch whose every token carries a canary. */
function branded(inner: typeof fetch): typeof fetch {
  const brands = { access_token: `${canaries.access}.`, refresh_token: `${canaries.refresh}.` }
  return async (input, init) => {
    const body = String(init?.body).replaceAll(brands.refresh_token, '')
    const response = await inner(input, { ...init, body })
    const members: unknown = await response
      .clone()
      .json()
      .catch(() => undefined)
    if (typeof members !== 'object' || members === null) return response
    const told = Object.entries(members).map(([name, value]) =>
      name === 'access_token' || name === 'refresh_token' ? [name, brands[name] + value] : [name, value],
    )
    return Response.json(Object.fromEntries(told), { status: response.status })
  }
}

const faults: readonly Fault[] = [
  'connection-refused',
  'status-429',
  'status-500',
  'status-503',
  'hang',
  'hang-after-commit',
  'reset-after-commit',
  'truncated',
  'html',
  'oversized',
  'redirect',
  'error-with-200',
  'unusable-access-token',
  'same-access-token',
  'expired-on-arrival',
]

describe('no secret is shown', () => {
  test('by a token', () => {
    const token = new AccessToken({ text: canaries.access, scope: ['a'], expiresAt: 1, generation: 1 })
    expect(leaksIn(everythingOf(token))).toEqual([])
    expect(`${token}${JSON.stringify({ token })}${[token].join()}`).toBe('[redacted]{"token":"[redacted]"}[redacted]')
    expect(Number.isNaN(Number(token))).toBe(true)
    expect(token.reveal()).toBe(canaries.access)
  })

  test.each([clientSecretBasic, clientSecretPost])(
    'after any fault: in errors, events, handles, caches (%#)',
    async (client) => {
      const clock = virtualClock()
      const fake = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
      const events: TokenCacheEvent[] = []
      const seen: unknown[] = []
      const hostile: typeof fetch = async (input, init) => {
        // An issuer's description and a transport's error can both quote the request.
        try {
          const response = await branded(fake.fetch)(input, init)
          return response.status < 400
            ? response
            : Response.json({ error: 'invalid_grant', error_description: String(init?.body) })
        } catch {
          throw new TypeError(`failed: ${String(init?.body)}`, { cause: new Error(inspect(init)) })
        }
      }
      const endpoint = tokenEndpoint({
        issuer: 'https://issuer.example',
        url: 'https://issuer.example/{tenant}/token',
        client: client('integrator', canaries.secret),
        fetch: hostile,
      })
      const grant = chain(
        refreshToken(endpoint, {
          initial: { subject: canaries.subject, token: canaries.refresh, for: { tenant: canaries.tenant } },
        }),
        passwordLogin(endpoint, { subject: canaries.subject, password: canaries.password }),
      )
      for (const fault of faults) {
        const tokens = createTokenCache({
          grant,
          max: 3,
          clock,
          timers: clock.timers,
          onEvent: (event) => events.push(event),
        })
        fake.inject({ fault, times: 2 })
        const handle = tokens.for({ tenant: canaries.tenant })
        const call = handle.get().catch((error: unknown) => error)
        seen.push(await settled(clock, call), handle, tokens, tokens.stats())
        clock.tick(2 * hour)
        seen.push(
          await settled(
            clock,
            handle.get().catch((error: unknown) => error),
          ),
        )
      }
      seen.push(endpoint, grant, events)
      expect(events.length).toBeGreaterThan(faults.length)
      expect(seen.some(isTokenCacheError)).toBe(true)
      for (const one of seen) expect(leaksIn(everythingOf(one))).toEqual([])
    },
  )

  test('in the files of a sealed store, their names included; the same search finds them where none is sealed', async () => {
    const searched = async (protect: (store: TokenStore) => TokenStore): Promise<string[]> => {
      const directory = mkdtempSync(join(tmpdir(), 'coffer-leak-'))
      try {
        const clock = virtualClock()
        const fake = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
        const endpoint = fake.endpoint({ fetch: branded(fake.fetch), tenantParam: 'tenant' })
        const login = passwordLogin(endpoint, { subject: canaries.subject, password: canaries.password })
        const tokens = createTokenCache({
          grant: chain(refreshToken(endpoint), login),
          max: 3,
          store: protect(fileStore({ directory })),
          clock,
          timers: clock.timers,
        })
        for (let round = 0; round < 3; round += 1) {
          const token = await tokens.get({ tenant: canaries.tenant, scope: 'a' })
          expect(token.reveal()).toContain(canaries.access)
          clock.tick(hour)
        }
        expect(fake.counts().logins).toBe(1)
        return leaksIn(
          readdirSync(directory)
            .map((name) => name + readFileSync(join(directory, name), 'latin1'))
            .join(),
        )
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    }
    const sealer = await aesSealer()
    expect(await searched((store) => sealed(store, sealer))).toEqual([])
    expect(await searched(dangerouslyUnsealed)).toEqual([canaries.refresh, canaries.access])
  })
})

describe('an error', () => {
  test('carries oauthError only if RFC 6749 names it', () => {
    const code = 'COFFER_TOKEN_CACHE_CREDENTIAL_REJECTED'
    expect(new TokenCacheError(code, { oauthError: 'invalid_grant' }).oauthError).toBe('invalid_grant')
    expect(new TokenCacheError(code, { oauthError: canaries.secret }).oauthError).toBeUndefined()
  })

  test('is known across copies by its code, and another library’s is not', () => {
    expect(isTokenCacheError(Object.assign(new Error('x'), { code: 'COFFER_TOKEN_CACHE_BUSY' }))).toBe(true)
    for (const other of [
      Object.assign(new Error('x'), { code: 'ERR_TOKEN' }),
      new Error('x'),
      { code: 'COFFER_TOKEN_CACHE_BUSY' },
      null,
    ]) {
      expect(isTokenCacheError(other)).toBe(false)
    }
  })

  test('of a transient failure says when the next attempt is', async () => {
    const clock = virtualClock()
    const fake = createFakeIssuer({ clock, rotation: 'strict', ttlMs: hour })
    const tokens = createTokenCache({
      grant: clientCredentials(fake.endpoint()),
      max: 1,
      clock,
      timers: clock.timers,
      random: () => 0,
    })
    fake.inject({ fault: 'status-429' })
    const error = await tokens.get().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ terminal: false, retryAt: clock.now() + 120_000 })
    expect(await codeOf(tokens.get())).toBe('ISSUER_UNAVAILABLE')
  })
})
