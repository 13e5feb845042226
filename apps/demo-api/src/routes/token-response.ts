import type { IssuedTokens } from '@coffer/jwt/issue'
import { Type } from 'typebox'
import { answer } from '../http/route.js'
import { Closed } from './schemas.js'

/** A successful token response (RFC 6749 §5.1). */
export const TokenResponse = Closed({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer(),
  scope: Type.Optional(Type.String()),
  refresh_token: Type.Optional(Type.String()),
})

/** RFC 6749 §5.1: never to be cached. */
export function tokenAnswer(tokens: IssuedTokens) {
  return answer(200, tokens.toResponse(), { 'cache-control': 'no-store', pragma: 'no-cache' })
}

/** RFC 6749 §3.3: values of printable ASCII, single spaces between them. */
export const Scope = Type.String({ maxLength: 2048, pattern: '^[!#-\\[\\]-~]+(?: [!#-\\[\\]-~]+)*$' })

/** RFC 6749 Appendix A.1, shorter. */
export const ClientId = Type.String({ pattern: '^[A-Za-z0-9._-]{1,64}$' })
