import type { ProblemCode } from './problem.js'

/** What the page of a problem says, and the `title` of its answers. Fixed sentences: nothing of a request ever enters them. */
export interface ProblemText {
  readonly title: string
  readonly cause: string
  readonly remedy: string
}

export const problemText: Readonly<Record<ProblemCode, ProblemText>> = {
  'malformed-request': {
    title: 'The request is malformed',
    cause:
      'The target, a header or the body breaks its syntax: a header sent twice, JSON with a member twice, a number that cannot be represented, bytes that are not UTF-8.',
    remedy: 'Send an origin-form target, each header once, and a body that is I-JSON (RFC 7493).',
  },
  'validation-failed': {
    title: 'The input does not match its schema',
    cause:
      'A member is missing, unknown, of the wrong type or out of range. Nothing is coerced and nothing is ignored.',
    remedy:
      'See `errors`: each entry points to a place in the request and names the rule. The schemas are in /openapi.json.',
  },
  'idempotency-key-missing': {
    title: 'This operation needs an Idempotency-Key',
    cause: 'The operation moves money or makes a record, and a retry without a key could do it twice.',
    remedy: 'Send `Idempotency-Key` with 1 to 64 characters of `[A-Za-z0-9_-]`, the same for every retry.',
  },
  'credential-in-url': {
    title: 'A credential does not belong in a URL',
    cause: 'URLs are written to logs and histories on their way here.',
    remedy: 'Take the credential out of use, and send the next one in the `Authorization` header.',
  },
  'address-invalid': {
    title: 'The client address cannot be read',
    cause: 'The connection has no address, or a trusted proxy forwarded one that does not parse.',
    remedy: 'Connect again; behind a proxy, check what it forwards.',
  },
  'authentication-required': {
    title: 'Authentication is required',
    cause: 'The request carries no Bearer token.',
    remedy: 'Get an access token from /v1/auth/login or /v1/oauth/token and send it in the `Authorization` header.',
  },
  'token-invalid': {
    title: 'The access token is not accepted',
    cause: 'It is not a token of this issuer for this audience, or it was altered.',
    remedy: 'Get a new access token.',
  },
  'token-expired': {
    title: 'The access token has expired',
    cause: 'Access tokens live for an hour at most.',
    remedy: 'Use the refresh token, or exchange the API token again.',
  },
  'session-revoked': {
    title: 'The session is no longer good',
    cause: 'The session, its user or its API token was ended, disabled or revoked.',
    remedy: 'Log in again.',
  },
  'credentials-invalid': {
    title: 'The credentials are not accepted',
    cause: 'The pair is wrong or may not be used now. Which of the two is not said.',
    remedy: 'Check e-mail and password, or the ID and secret of the API token.',
  },
  'permission-denied': {
    title: 'The policy does not permit this',
    cause: 'No role permits the action on this object, or a rule denies it.',
    remedy: 'Hand `decision_id` to someone with `policy:explain`.',
  },
  'network-not-allowed': {
    title: 'This network is not on the list',
    cause: 'The tenant, or the API token, admits certain networks only.',
    remedy: 'Connect from a listed network, or have an administrator add this one.',
  },
  'scope-insufficient': {
    title: 'The token has too little scope',
    cause: 'The token was issued for fewer permissions than the operation needs.',
    remedy: 'Ask for the scope named in the `WWW-Authenticate` header.',
  },
  'feature-not-in-plan': {
    title: 'The plan does not include this',
    cause: 'The feature, or one more of its kind, belongs to a larger plan.',
    remedy: 'Change the plan.',
  },
  'not-found': {
    title: 'There is no such object',
    cause: 'The ID was never issued, is deleted, or belongs to someone else; the three look alike.',
    remedy: 'Check the ID and the tenant of the token.',
  },
  'method-not-allowed': {
    title: 'The method is not allowed here',
    cause: 'The path exists with other methods.',
    remedy: 'See the `Allow` header.',
  },
  'request-timeout': {
    title: 'The request took too long to arrive',
    cause: 'Head and body have seconds, not minutes.',
    remedy: 'Send the request again in one go.',
  },
  'idempotency-in-progress': {
    title: 'The same key is being worked on',
    cause: 'Another request with this Idempotency-Key has not ended.',
    remedy: 'Wait a moment and send it again with the same key.',
  },
  'state-conflict': {
    title: 'The object is in another state',
    cause: 'Somebody decided first, or the object is past the point of this operation.',
    remedy: 'Read the object again.',
  },
  'body-too-large': {
    title: 'The body is too large',
    cause: 'Bodies have at most 64 KiB.',
    remedy: 'Send less.',
  },
  'url-too-long': {
    title: 'The URL is too long',
    cause: 'Targets have at most 2048 characters.',
    remedy: 'Searches are POST requests here.',
  },
  'media-type-unsupported': {
    title: 'The media type is not supported',
    cause:
      'Bodies are `application/json` in UTF-8; the OAuth endpoints take `application/x-www-form-urlencoded`. None is compressed.',
    remedy: 'Set `Content-Type`, and leave `Content-Encoding` out.',
  },
  'host-not-served': {
    title: 'Another host is meant',
    cause: 'The `Host` header names a host that this API is not.',
    remedy: 'Use the public URL.',
  },
  'idempotency-mismatch': {
    title: 'The key was used for another request',
    cause: 'The same Idempotency-Key came with another body.',
    remedy: 'Use a new key for a new request.',
  },
  'card-not-accepted': {
    title: 'The card is not accepted',
    cause: 'The number is not that of a card this tenant may store.',
    remedy: 'Check the number.',
  },
  'cardholder-data-in-text': {
    title: 'Free text holds a card number',
    cause: 'A text member holds digits that are a valid card number.',
    remedy: 'Take the number out: cards are stored as cards only.',
  },
  'would-lock-out': {
    title: 'This would lock you out',
    cause: 'The new list does not admit the address the request came from.',
    remedy: 'Include your own network.',
  },
  'network-list-invalid': {
    title: 'The list of networks is not valid',
    cause: 'An entry is not a network in CIDR form, or has host bits set.',
    remedy: 'See `index` for the entry.',
  },
  'rate-limited': {
    title: 'Too many requests',
    cause: 'A limit of this plan, account or network is used up.',
    remedy: 'Wait for `Retry-After` seconds.',
  },
  'headers-too-large': {
    title: 'The headers are too large',
    cause: 'A request has at most 64 headers and 8 KiB of them.',
    remedy: 'Send fewer.',
  },
  internal: {
    title: 'Something failed here',
    cause: 'The request met a fault of this service.',
    remedy: 'Report the request ID.',
  },
  'audit-unavailable': {
    title: 'The record of access cannot be written',
    cause: 'Nothing is shown and nothing is done that cannot be recorded.',
    remedy: 'Try again after `Retry-After` seconds.',
  },
  overloaded: {
    title: 'The service is at its limit',
    cause: 'More work waits than can be done in time.',
    remedy: 'Try again after `Retry-After` seconds.',
  },
  'shutting-down': {
    title: 'The service is stopping',
    cause: 'This process takes no new requests.',
    remedy: 'Connect again.',
  },
  'state-stale': {
    title: 'The state of credentials is not known',
    cause: 'Keys or revocations could not be read, and no token is accepted without them.',
    remedy: 'Try again after `Retry-After` seconds.',
  },
  'database-unavailable': {
    title: 'The database is not available',
    cause: 'It cannot be reached, or did not answer in time.',
    remedy: 'Try again; with an Idempotency-Key nothing is done twice.',
  },
  'last-owner': {
    title: 'A tenant keeps an owner',
    cause: 'The change would leave the tenant without an active owner.',
    remedy: 'Make someone else an owner first.',
  },
  'password-refused': {
    title: 'The password is not accepted',
    cause: 'It is too short, too common, lacks letters or digits, or contains a name it should not.',
    remedy: 'Choose another: 12 to 128 characters with letters and digits.',
  },
  'separation-of-duties': {
    title: 'The duties must stay apart',
    cause: 'The roles together would let one person do what takes two.',
    remedy: 'Give one of the roles to someone else.',
  },
}
