/** What the ttl of a JWKS may be, in ms. */
export interface TtlBounds {
  readonly min: number
  readonly max: number
  /** Where the response says nothing. */
  readonly absent: number
}

/**
 * How long a response stays fresh (RFC 9111 §4.2): `max-age` less `Age`, within the bounds. `no-store`, `no-cache` and
 * a value that does not parse give the least.
 */
export function freshnessMs(cacheControl: string | null, age: string | null, bounds: TtlBounds): number {
  const directives = (cacheControl ?? '')
    .toLowerCase()
    .split(',')
    .map((one) => one.trim())
  if (directives.some((one) => /^no-(?:store|cache)(?:$|=)/.test(one))) return bounds.min
  const ages = directives.filter((one) => /^max-age(?:$|=)/.test(one)).map((one) => seconds(one.slice(8)))
  if (ages.length === 0) return bounds.absent
  const left = Math.min(...ages) - (age === null ? 0 : seconds(age.trim()))
  return Math.min(bounds.max, Math.max(bounds.min, left * 1_000))
}

/** Delta-seconds, also quoted; 0 for anything else, which is to say stale (RFC 9111 §1.2.2, §4.2.1). */
function seconds(text: string): number {
  const digits = /^"?(\d{1,10})"?$/.exec(text)?.[1]
  return digits === undefined ? 0 : Number(digits)
}

const maxRetryAfterMs = 600_000

/** `Retry-After` in ms from now (RFC 9110 §10.2.3), at most ten minutes; 0 where there is none. */
export function retryAfterMs(header: string | null, now: number): number {
  if (header === null) return 0
  const delay = /^\d{1,10}$/.test(header.trim()) ? Number(header.trim()) * 1_000 : Date.parse(header) - now
  return Number.isNaN(delay) ? 0 : Math.min(maxRetryAfterMs, Math.max(0, delay))
}
