import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { Clock } from '@coffer/lease'
import type { Rotation } from '@coffer/token-cache'
import { createFakeIssuer, type FakeIssuer } from '@coffer/token-cache/testing'

export interface IssuerServer {
  readonly url: string
  readonly issuer: FakeIssuer
  /** Called when a token request has arrived (`'sent'`) and when the issuer has done its part (`'committed'`). */
  onRequest: (stage: 'sent' | 'committed', from: number) => Promise<void>
  /** Every token request: what for, of which process, and whether the answer left while somebody waited for it. */
  readonly exchanges: readonly ServedExchange[]
  close(): Promise<void>
}

export interface ServedExchange {
  readonly grant: string
  readonly from: number
  answered: boolean
}

/** The fake issuer behind http on loopback, for clients in other processes. */
export async function serveIssuer(options: { clock: Clock; rotation: Rotation; ttlMs: number }): Promise<IssuerServer> {
  const issuer = createFakeIssuer(options)
  const exchanges: ServedExchange[] = []
  const server = createServer((incoming, outgoing) => {
    const answer = async (): Promise<void> => {
      const body = await bodyOf(incoming)
      const from = Number(incoming.headers['x-process'])
      await served.onRequest('sent', from)
      const headers = { 'content-type': incoming.headers['content-type'] ?? '' }
      const response = await issuer.fetch(`https://issuer.example${incoming.url}`, { method: 'POST', body, headers })
      const exchange = { grant: issuer.requests().at(-1)?.grant ?? 'none', from, answered: false }
      exchanges.push(exchange)
      await served.onRequest('committed', from)
      outgoing.once('finish', () => {
        exchange.answered = true
      })
      outgoing.writeHead(response.status, { 'content-type': 'application/json' })
      outgoing.end(await response.text())
    }
    answer().catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const served: IssuerServer = {
    url: `http://127.0.0.1:${port}`,
    issuer,
    exchanges,
    onRequest: async () => {},
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return served
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of incoming) body += String(chunk)
  return body
}
