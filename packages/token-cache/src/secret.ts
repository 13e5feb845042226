/** A secret, as text or as an object that reveals it. `version` changes when the secret does. */
export type SecretText = string | { reveal(): string; readonly version?: string }

/** A secret, or a function that reads it whenever it is needed. */
export type SecretInput = SecretText | (() => SecretText | Promise<SecretText>)

/** A secret's text, at the last call before it is sent. */
export interface OpenSecret {
  readonly text: string
  readonly version: string | undefined
}

/** Thrown when a secret cannot be read. The cause is dropped: it can quote the secret. */
export class SecretUnavailable extends Error {}

/** Refuses at construction what can never be a secret. */
export function checkSecretInput(name: string, input: SecretInput): SecretInput {
  const usable =
    typeof input === 'function' ||
    (typeof input === 'string' && input !== '') ||
    (typeof input === 'object' && input !== null && typeof input.reveal === 'function')
  if (!usable) throw new TypeError(`${name} must be a non-empty string, an object with reveal(), or a function`)
  return input
}

/** Reads a secret. */
export async function openSecret(input: SecretInput): Promise<OpenSecret> {
  try {
    const secret = typeof input === 'function' ? await input() : input
    const text = typeof secret === 'string' ? secret : secret.reveal()
    const version = typeof secret === 'string' ? undefined : secret.version
    if (typeof text === 'string' && text !== '') return { text, version }
  } catch {
    // Falls through: whatever was thrown stays here.
  }
  throw new SecretUnavailable('the source of a secret failed')
}
