/** A parameter or a scheme's name (RFC 9110 §5.6.2). */
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y
const maxCharacters = 4_096

/** One challenge of a `WWW-Authenticate` field. Names are in lower case. */
export interface Challenge {
  readonly scheme: string
  readonly params: ReadonlyMap<string, string>
}

/**
 * Whether a 401 says that another token may do better: without a challenge, or with a Bearer challenge whose `error`
 * is absent or `invalid_token` (RFC 6750 §3.1).
 */
export function asksForAnotherToken(field: string | null): boolean {
  if (field === null || field.trim() === '') return true
  const challenges = parseChallenges(field)
  if (challenges === undefined) return false
  return challenges.some(({ scheme, params }) => {
    const error = params.get('error')
    return scheme === 'bearer' && (error === undefined || error === 'invalid_token')
  })
}

/**
 * The challenges of a `WWW-Authenticate` field (RFC 9110 §11.6.1): schemes, each followed by a token68 or by
 * parameters, all separated by commas. Undefined when it does not parse or is longer than 4096 characters.
 */
export function parseChallenges(field: string): readonly Challenge[] | undefined {
  if (field.length > maxCharacters) return undefined
  const challenges: { scheme: string; params: Map<string, string> }[] = []
  let at = 0
  const skip = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const match = pattern.exec(field)?.[0] ?? ''
    at += match.length
    return match
  }
  while (at < field.length) {
    skip(/[ \t,]*/y)
    if (at === field.length) break
    const word = skip(token)
    if (word === '') return undefined
    const spaces = skip(/[ \t]*/y)
    const last = challenges.at(-1)
    if (last !== undefined && field[at] === '=') {
      at += 1
      skip(/[ \t]*/y)
      const value = field[at] === '"' ? unquoted(skip(/"(?:[^"\\]|\\.)*"/y)) : skip(token)
      if (value === undefined || value === '') return undefined
      last.params.set(word.toLowerCase(), value)
      continue
    }
    challenges.push({ scheme: word.toLowerCase(), params: new Map() })
    if (spaces === '') continue
    skipToken68(field, at, skip)
  }
  return challenges
}

// A token68 ends with the challenge; a parameter's name is followed by one `=` and a value.
function skipToken68(field: string, at: number, skip: (pattern: RegExp) => string): void {
  const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y
  token68.lastIndex = at
  if (token68.test(field)) skip(/[A-Za-z0-9\-._~+/]+=*/y)
}

function unquoted(text: string): string | undefined {
  return text === '' ? undefined : text.slice(1, -1).replace(/\\(.)/g, '$1')
}
