import { type Call, exchange, type Fetch, json, nothing } from './exchange.js'
import {
  assignment,
  type Card,
  type Customer,
  card,
  customer,
  dataKeys,
  explanation,
  health,
  type IssuedTokens,
  issuedTokens,
  networkList,
  networkVerdict,
  openApiDocument,
  type Page,
  type Payment,
  page,
  payment,
  principal,
  rotatedKey,
  type User,
  user,
} from './wire.js'

export interface FinCodeClientOptions {
  /** The API's origin, such as `https://localhost:8443`. */
  readonly baseUrl: string
  /** Brings the access token; a token cache's `fetch` does, and plain `fetch` reaches what is public. */
  readonly fetch: Fetch
}

export interface NewCustomer {
  readonly name: string
  readonly email?: string
  /** E.164. */
  readonly phone?: string
  /** `YYYY-MM-DD` */
  readonly date_of_birth?: string
  readonly national_id?: string
}

export interface NewCard {
  /** The whole card number, this once. */
  readonly number: string
  readonly exp_month: number
  readonly exp_year: number
  readonly cardholder_name: string
}

export interface NewPayment {
  readonly customer: string
  readonly card: string
  /** Integer minor units. */
  readonly amount: number
  readonly currency: string
  readonly description?: string
}

export interface PageQuery {
  readonly limit?: number
  readonly startingAfter?: string
}

/** A repeat with the same key has no second effect. */
export interface Idempotent {
  readonly idempotencyKey?: string
}

/** FinCode's API, one method an operation. Every method rejects with {@link FinCodeProblem} for what is refused. */
export type FinCodeClient = ReturnType<typeof createFinCodeClient>

/** Makes the client. Sends nothing. */
export function createFinCodeClient({ baseUrl, fetch }: FinCodeClientOptions) {
  const send = <T>(call: Call<T>) => exchange(fetch, baseUrl, call)
  const get = <T>(path: string, read: Call<T>['read']) => send({ method: 'GET', path, read })
  const once = <T>(path: string, body: object | undefined, read: Call<T>['read'], { idempotencyKey }: Idempotent) =>
    send({
      method: 'POST',
      path,
      ...(body === undefined ? {} : { json: body }),
      headers: { 'idempotency-key': idempotencyKey ?? crypto.randomUUID() },
      read,
    })

  return {
    health: () => get('/health/ready', json(health)),
    /** RFC 9116. */
    securityText: () => get('/.well-known/security.txt', (body) => body),
    openApi: () => get('/openapi.json', json(openApiDocument)),

    /** A login by hand; `@coffer/token-cache` does it for everyone else. */
    logIn: (login: { readonly email: string; readonly password: string; readonly clientId: string }) =>
      send({
        method: 'POST',
        path: '/v1/auth/login',
        json: { email: login.email, password: login.password, client_id: login.clientId },
        read: json(issuedTokens),
      }),
    refresh: (refreshToken: string, clientId: string): Promise<IssuedTokens> =>
      send({
        method: 'POST',
        path: '/v1/oauth/token',
        form: { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId },
        read: json(issuedTokens),
      }),
    /** RFC 7009: answers alike whether there was something to revoke or not. */
    revoke: (token: string, clientId: string): Promise<void> =>
      send({ method: 'POST', path: '/v1/oauth/revoke', form: { token, client_id: clientId }, read: nothing }),

    me: () => get('/v1/me', json(principal)),

    listUsers: (query: PageQuery = {}): Promise<Page<User>> => get(`/v1/users${pageQuery(query)}`, json(page(user))),

    listCustomers: (query: PageQuery = {}): Promise<Page<Customer>> =>
      get(`/v1/customers${pageQuery(query)}`, json(page(customer))),
    getCustomer: (id: string): Promise<Customer> => get(`/v1/customers/${segment(id)}`, json(customer)),
    /** By e-mail, in the body: nothing personal is ever a query parameter. */
    searchCustomers: (criteria: { readonly email: string }): Promise<Page<Customer>> =>
      send({ method: 'POST', path: '/v1/customers/search', json: criteria, read: json(page(customer)) }),
    createCustomer: (body: NewCustomer, options: Idempotent = {}): Promise<Customer> =>
      once('/v1/customers', body, json(customer), options),

    /** Whatever is not named stays as it is. */
    updateCustomer: (id: string, change: Partial<NewCustomer>): Promise<Customer> =>
      send({ method: 'PATCH', path: `/v1/customers/${segment(id)}`, json: change, read: json(customer) }),

    createCard: (customerId: string, body: NewCard, options: Idempotent = {}): Promise<Card> =>
      once(`/v1/customers/${segment(customerId)}/cards`, body, json(card), options),
    getCard: (id: string): Promise<Card> => get(`/v1/cards/${segment(id)}`, json(card)),

    createPayment: (body: NewPayment, options: Idempotent = {}): Promise<Payment> =>
      once('/v1/payments', body, json(payment), options),
    listPayments: (query: PageQuery & { readonly customer?: string } = {}): Promise<Page<Payment>> =>
      get(`/v1/payments${pageQuery(query)}`, json(page(payment))),
    getPayment: (id: string): Promise<Payment> => get(`/v1/payments/${segment(id)}`, json(payment)),
    approvePayment: (id: string, options: Idempotent = {}): Promise<Payment> =>
      once(`/v1/payments/${segment(id)}/approve`, undefined, json(payment), options),

    /** Why a refusal was decided as it was; its ID came with the refusal. */
    explain: (decisionId: string) =>
      send({ method: 'POST', path: '/v1/policy/explain', json: { decision_id: decisionId }, read: json(explanation) }),

    getNetwork: () => get('/v1/tenant/network', json(networkList)),
    /** What an address would get. */
    testNetwork: (address: string) =>
      send({ method: 'POST', path: '/v1/tenant/network/test', json: { address }, read: json(networkVerdict) }),
    /** Replaces the whole list; an empty one admits everybody. `dryRun` only says what would happen. */
    putNetwork: (networks: readonly string[], { dryRun = false } = {}) =>
      send({
        method: 'PUT',
        path: '/v1/tenant/network',
        json: { rules: networks.map((cidr) => ({ cidr })), dry_run: dryRun },
        read: json(networkList),
      }),

    listKeys: () => get('/v1/keys', json(dataKeys)),
    /** A new data key; within a minute of another rotation it is that one's. */
    rotateKey: () => send({ method: 'POST', path: '/v1/keys/rotate', read: json(rotatedKey) }),

    listAssignments: (query: PageQuery = {}) => get(`/v1/assignments${pageQuery(query)}`, json(page(assignment))),
    assignRole: (user: string, role: string) =>
      send({ method: 'POST', path: '/v1/assignments', json: { user, role }, read: json(assignment) }),
    takeRole: (assignmentId: string) =>
      send({ method: 'DELETE', path: `/v1/assignments/${segment(assignmentId)}`, read: json(assignment) }),
  }
}

/** An ID comes from an answer, and an answer is not to choose the path. */
const segment = (id: string) => encodeURIComponent(id)

function pageQuery({ limit, startingAfter, customer }: PageQuery & { readonly customer?: string }): string {
  const query = new URLSearchParams()
  if (limit !== undefined) query.set('limit', String(limit))
  if (startingAfter !== undefined) query.set('starting_after', startingAfter)
  if (customer !== undefined) query.set('customer', customer)
  return query.size === 0 ? '' : `?${query}`
}
