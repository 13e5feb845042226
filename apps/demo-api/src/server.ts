import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import { networkKey } from './http/client-address.js'

/** PEM texts of the certificate chain and its private key. */
export interface TlsIdentity {
  readonly cert: string
  readonly key: string
}

/** Times and sizes of the listener. Every one of them ends something: none is only advice. */
export interface ListenerLimits {
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How often the two above are looked at. Node's own 30 s would let them fire up to 30 s late. */
  readonly checkIntervalMs: number
  readonly handshakeTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly maxHeaderBytes: number
  readonly maxRequestsPerSocket: number
  readonly maxConnections: number
  readonly maxConnectionsPerNetwork: number
  readonly handlerTimeoutMs: number
  readonly maxEventLoopDelayMs: number
}

export const listenerLimits: ListenerLimits = {
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 10_000,
  checkIntervalMs: 500,
  handshakeTimeoutMs: 5_000,
  keepAliveTimeoutMs: 30_000,
  maxHeaderBytes: 8 * 1024,
  maxRequestsPerSocket: 1000,
  maxConnections: 10_000,
  maxConnectionsPerNetwork: 64,
  handlerTimeoutMs: 8_000,
  maxEventLoopDelayMs: 250,
}

/** TLS 1.2 with forward secrecy and an AEAD, or TLS 1.3, over the curves that NIST and RFC 7748 name. */
const tlsFloor = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'TLS_AES_128_GCM_SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
  ].join(':'),
  ecdhCurve: 'X25519:P-256:P-384',
  honorCipherOrder: true,
  ALPNProtocols: ['http/1.1'],
} as const

/** An HTTPS listener, not listening yet: HTTP/1.1 over TLS, with a cap on everything a client can hold open. */
export function createListener(identity: TlsIdentity, limits: ListenerLimits, handler: RequestListener): Server {
  const server = createServer(
    {
      ...tlsFloor,
      cert: identity.cert,
      key: identity.key,
      handshakeTimeout: limits.handshakeTimeoutMs,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      maxHeaderSize: limits.maxHeaderBytes,
      // The raw head decides on a missing Host and on too many headers: Node would answer the one without a body and
      // drop the others in silence.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    handler,
  )
  server.maxHeadersCount = 0
  server.maxRequestsPerSocket = limits.maxRequestsPerSocket
  server.maxConnections = limits.maxConnections
  capPerNetwork(server, limits.maxConnectionsPerNetwork)
  return server
}

/** Counts TCP connections, before a handshake costs anything. */
function capPerNetwork(server: Server, max: number): void {
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const key = networkKey(socket.remoteAddress)
    const count = (open.get(key) ?? 0) + 1
    if (count > max) {
      socket.destroy()
      return
    }
    open.set(key, count)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left === 0) open.delete(key)
      else open.set(key, left)
    })
  })
}
