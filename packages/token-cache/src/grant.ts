import type { CanonicalRequest, TokenRequest } from './canonical-request.js'
import type { Exchange } from './exchange.js'
import type { SecretInput } from './secret.js'
import type { Rotation, SendContext } from './token-endpoint.js'

/** The name under which the steps of a {@link Grant} are kept. */
export const grantSteps: unique symbol = Symbol('coffer.grant')

/** How a token is obtained. Opaque: made by the functions of this package. */
export interface Grant {
  readonly [grantSteps]: () => readonly Step[]
}

/** A grant. Its steps are behind a function, so that inspecting it shows neither credential nor subject. */
export function grantOf(steps: readonly Step[]): Grant {
  return Object.freeze({ [grantSteps]: () => steps })
}

/** One way to a token. A chain is several. */
export type Step = RefreshStep | LoginStep | PlainStep

interface StepBase {
  readonly kind: string
  readonly issuer: string
  readonly subject: string | undefined
  /** Kind, endpoint URL, client id, authentication method, how the request is written: what a key takes of it. */
  readonly identity: readonly string[]
  readonly reserved: readonly string[]
  readonly tenant: 'refused' | 'allowed' | 'required'
  readonly timeoutMs: number
  /** RFC 7009, where the endpoint has it. */
  readonly revoke:
    | ((token: string, hint: 'access_token' | 'refresh_token', context: SendContext) => Promise<void>)
    | undefined
}

/** Presents a refresh token, which may be gone afterwards. */
export interface RefreshStep extends StepBase {
  readonly role: 'refresh'
  readonly rotation: Rotation
  readonly initial: { readonly subject: string; readonly token: SecretInput; readonly for: TokenRequest } | undefined
  present(
    token: string,
    scope: readonly string[] | undefined,
    request: CanonicalRequest,
    context: SendContext,
  ): Promise<Exchange>
}

/** Presents a credential whose owner can be locked out by too many attempts. */
export interface LoginStep extends StepBase {
  readonly role: 'login'
  readonly credential: SecretInput
  present(credential: string, request: CanonicalRequest, context: SendContext): Promise<Exchange>
}

/** Presents what can be presented at any time. */
export interface PlainStep extends StepBase {
  readonly role: 'plain'
  present(request: CanonicalRequest, context: SendContext): Promise<Exchange>
}

/** The `scope` parameter: absent and empty are different requests. */
export function scopeField(scope: readonly string[] | undefined): readonly (readonly [string, string])[] {
  return scope === undefined ? [] : [['scope', scope.join(' ')]]
}
