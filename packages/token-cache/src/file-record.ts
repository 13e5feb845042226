import { isFields } from './token-response.js'

/** A record as a file holds it. Times are epoch milliseconds of the host's clock, which its processes share. */
export interface FileRecord {
  readonly fence: number
  readonly leaseEndsAt: number
  /** How long the lease was when it began, or was last renewed. */
  readonly leaseMs: number
  readonly generation: number
  readonly body: Uint8Array | undefined
  readonly committedAt: number
  readonly holdEndsAt: number
  /** How long the hold was when it began. */
  readonly holdMs: number
  readonly intent:
    | { readonly digest: string; readonly attempt: 1 | 2; readonly dead: boolean; readonly at: number }
    | undefined
}

/** A record as bytes: version 1. */
export function formatRecord({ body, ...record }: FileRecord): Uint8Array {
  const members = { v: 1, ...record, ...(body !== undefined && { body: Buffer.from(body).toString('base64') }) }
  return new TextEncoder().encode(JSON.stringify(members))
}

/** The record in `bytes`; undefined for anything that {@link formatRecord} did not write. */
export function parseRecord(bytes: Uint8Array): FileRecord | undefined {
  let members: unknown
  try {
    members = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
  if (!isFields(members) || members['v'] !== 1) return undefined
  const { fence, leaseEndsAt, leaseMs, generation, committedAt, holdEndsAt, holdMs, body, intent } = members
  if (!isCount(fence) || !isCount(generation)) return undefined
  if (!isTime(leaseEndsAt) || !isTime(leaseMs) || !isTime(committedAt) || !isTime(holdEndsAt) || !isTime(holdMs))
    return undefined
  if (body !== undefined && typeof body !== 'string') return undefined
  const parsed = intent === undefined ? undefined : parseIntent(intent)
  if (intent !== undefined && parsed === undefined) return undefined
  return {
    fence,
    leaseEndsAt,
    leaseMs,
    generation,
    committedAt,
    holdEndsAt,
    holdMs,
    body: body === undefined ? undefined : new Uint8Array(Buffer.from(body, 'base64')),
    intent: parsed,
  }
}

function parseIntent(value: unknown): FileRecord['intent'] {
  if (!isFields(value)) return undefined
  const { digest, attempt, dead, at } = value
  if (typeof digest !== 'string' || typeof dead !== 'boolean' || !isTime(at)) return undefined
  return attempt === 1 || attempt === 2 ? { digest, attempt, dead, at } : undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
