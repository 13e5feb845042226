import { isFields } from './token-response.js'

/** What is kept of a refresh: version 1. */
export interface StoredBody {
  /** Absent when only a refresh token is worth keeping. */
  readonly accessToken: { readonly text: string; readonly ttlMs: number } | undefined
  readonly scope: readonly string[] | undefined
  readonly refreshToken: string | undefined
  /** Digests of the initial refresh tokens this record has come by: none of them is taken up again. */
  readonly initials?: readonly string[] | undefined
}

/** A body as bytes. `ttlMs` counts from the commit. */
export function formatBody({ accessToken, scope, refreshToken, initials = [] }: StoredBody): Uint8Array {
  const members = {
    v: 1,
    ...(accessToken !== undefined && { at: accessToken.text, ttl: Math.floor(accessToken.ttlMs) }),
    ...(scope !== undefined && { scope }),
    ...(refreshToken !== undefined && { rt: refreshToken }),
    ...(initials.length > 0 && { in: initials }),
  }
  return new TextEncoder().encode(JSON.stringify(members))
}

/** The body in `bytes`; undefined for anything that {@link formatBody} did not write. */
export function parseBody(bytes: Uint8Array): StoredBody | undefined {
  let members: unknown
  try {
    members = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
  if (!isFields(members) || members['v'] !== 1) return undefined
  const { at, ttl, scope, rt, in: initials } = members
  if (scope !== undefined && !isTextList(scope)) return undefined
  if (initials !== undefined && !isTextList(initials)) return undefined
  if (rt !== undefined && typeof rt !== 'string') return undefined
  if (at === undefined) return { accessToken: undefined, scope, refreshToken: rt, initials }
  if (typeof at !== 'string' || typeof ttl !== 'number' || !Number.isFinite(ttl)) return undefined
  return { accessToken: { text: at, ttlMs: ttl }, scope, refreshToken: rt, initials }
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}
