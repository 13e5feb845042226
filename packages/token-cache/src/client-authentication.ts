import { nonEmpty } from './check-options.js'
import { checkSecretInput, openSecret, type SecretInput } from './secret.js'

/** The name under which the parts of a {@link ClientAuthentication} are kept. */
export const clientParts: unique symbol = Symbol('coffer.client-authentication')

/** How a client proves who it is (RFC 6749 §2.3). Opaque: made by the functions of this package. */
export interface ClientAuthentication {
  readonly [clientParts]: ClientParts
}

/** What authentication adds to a request. */
export interface ClientAddition {
  readonly headers: Readonly<Record<string, string>>
  readonly fields: readonly (readonly [string, string])[]
}

export interface ClientParts {
  readonly id: string
  readonly method: 'client_secret_basic' | 'client_secret_post' | 'none'
  readonly authenticate: () => Promise<ClientAddition>
}

/** HTTP Basic with the client's id and secret (RFC 6749 §2.3.1). Prefer it to {@link clientSecretPost}. */
export function clientSecretBasic(id: string, secret: SecretInput): ClientAuthentication {
  nonEmpty('id', id)
  checkSecretInput('secret', secret)
  const authenticate = async (): Promise<ClientAddition> => {
    const { text } = await openSecret(secret)
    // Both are form-encoded first (§2.3.1, Appendix B), so that a colon in the id does not end it.
    return { headers: { authorization: `Basic ${btoa(`${formEncoded(id)}:${formEncoded(text)}`)}` }, fields: [] }
  }
  return { [clientParts]: { id, method: 'client_secret_basic', authenticate } }
}

/** The client's id and secret in the body (RFC 6749 §2.3.1). */
export function clientSecretPost(id: string, secret: SecretInput): ClientAuthentication {
  nonEmpty('id', id)
  checkSecretInput('secret', secret)
  const authenticate = async (): Promise<ClientAddition> => {
    const { text } = await openSecret(secret)
    return {
      headers: {},
      fields: [
        ['client_id', id],
        ['client_secret', text],
      ],
    }
  }
  return { [clientParts]: { id, method: 'client_secret_post', authenticate } }
}

/** A client that has no secret: its id alone goes into the body (RFC 6749 §3.2.1). */
export function publicClient(id: string): ClientAuthentication {
  nonEmpty('id', id)
  return {
    [clientParts]: { id, method: 'none', authenticate: async () => ({ headers: {}, fields: [['client_id', id]] }) },
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}
