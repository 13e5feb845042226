/** Refuses option names that nobody reads: a misspelt one would otherwise be a silent default. */
export function refuseUnknown(name: string, value: unknown, known: readonly string[]): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object`)
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) throw new TypeError(`${name}.${key} is not an option`)
  }
}

/** A non-empty string, or an error that names the option. */
export function nonEmpty(name: string, value: string): string {
  if (typeof value !== 'string' || value === '') throw new TypeError(`${name} must be a non-empty string`)
  return value
}

/** An integer between two bounds, or an error that names the option. */
export function integerIn(name: string, value: number, min: number, max: number): number {
  if (typeof value !== 'number' || Number.isNaN(value)) throw new TypeError(`${name} must be a number`)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer between ${min} and ${max}`)
  }
  return value
}

/** One of a few words, or an error that names the option. */
export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) throw new TypeError(`${name} must be one of ${allowed.join(', ')}`)
  return value
}

/** An https URL without credentials or fragment; http only to a loopback address and only when asked for. */
export function secureUrl(name: string, text: string, allowHttp: 'loopback' | undefined): URL {
  const url = URL.canParse(nonEmpty(name, text)) ? new URL(text) : undefined
  if (url === undefined) throw new TypeError(`${name} must be an absolute URL`)
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw new TypeError(`${name} must carry neither credentials nor a fragment`)
  }
  if (!isSecure(url, allowHttp)) throw new TypeError(`${name} must be https`)
  return url
}

/** Whether a token may be sent to `url`. */
export function isSecure(url: URL, allowHttp: 'loopback' | undefined): boolean {
  if (url.protocol === 'https:') return true
  return url.protocol === 'http:' && allowHttp === 'loopback' && isLoopback(url.hostname)
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}
