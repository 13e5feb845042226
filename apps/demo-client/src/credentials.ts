import { ConfigurationError } from './failures.js'

/** A value that shows itself only when asked; the shape `@coffer/token-cache` takes. */
export interface Secret {
  reveal(): string
}

/** An API token: the credential of a program. */
export interface ApiTokenCredential {
  readonly tokenId: string
  readonly apiToken: Secret
}

/** E-mail and password: the credential of a person. */
export interface PersonCredential {
  readonly email: string
  readonly password: Secret
}

/** The people whose work the tour shows, beside the integrator itself. A `neighbour`, a maker, is of another tenant. */
export const people = ['owner', 'maker', 'checker', 'support', 'neighbour', 'neighbour_owner'] as const
export type PersonName = (typeof people)[number]

/** What the environment holds. A pair is there as a whole or not at all. */
export interface Credentials {
  readonly apiToken: ApiTokenCredential | undefined
  readonly person: PersonCredential | undefined
  readonly people: Readonly<Partial<Record<PersonName, PersonCredential>>>
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The two variables of a person: `FINCODE_MAKER_EMAIL`, `FINCODE_MAKER_PASSWORD`. */
export function personVariables(name: PersonName): readonly [email: string, password: string] {
  const prefix = `FINCODE_${name.toUpperCase()}`
  return [`${prefix}_EMAIL`, `${prefix}_PASSWORD`]
}

/**
 * Takes the credentials from the environment: the only place where they may stand.
 *
 * @throws {ConfigurationError} when no credential is there, or half of a pair; it names the variable.
 */
export function readCredentials(environment: Environment): Credentials {
  const apiToken = pair(environment, 'FINCODE_API_TOKEN_ID', 'FINCODE_API_TOKEN')
  const person = pair(environment, 'FINCODE_EMAIL', 'FINCODE_PASSWORD')
  if (apiToken === undefined && person === undefined)
    throw new ConfigurationError(
      'FINCODE_API_TOKEN_ID is not set: the tour needs it with FINCODE_API_TOKEN, or FINCODE_EMAIL with FINCODE_PASSWORD',
    )
  const found: Partial<Record<PersonName, PersonCredential>> = {}
  for (const name of people) {
    const credential = pair(environment, ...personVariables(name))
    if (credential !== undefined) found[name] = { email: credential.id, password: credential.secret }
  }
  return {
    apiToken: apiToken && { tokenId: apiToken.id, apiToken: apiToken.secret },
    person: person && { email: person.id, password: person.secret },
    people: found,
  }
}

function pair(environment: Environment, id: string, secret: string): { id: string; secret: Secret } | undefined {
  const idValue = environment[id] ?? ''
  const secretValue = environment[secret] ?? ''
  if (idValue === '' && secretValue === '') return undefined
  if (idValue === '') throw new ConfigurationError(`${id} is not set: ${secret} needs it`)
  if (secretValue === '') throw new ConfigurationError(`${secret} is not set: ${id} needs it`)
  return { id: idValue, secret: hidden(secretValue) }
}

const redacted = '[redacted]'

/** Keeps a text in a closure, where inspect, JSON and string conversions do not reach it. */
export function hidden(text: string): Secret {
  return Object.freeze({
    reveal: () => text,
    toString: () => redacted,
    toJSON: () => redacted,
    [Symbol.for('nodejs.util.inspect.custom')]: () => redacted,
  })
}
