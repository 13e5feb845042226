import { randomInt } from 'node:crypto'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { connect, type TLSSocket } from 'node:tls'

interface Target {
  readonly port: number
  readonly ca: string
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface Call {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/** One request over TLS on a connection of its own, checked against the authority. */
export function call({ port, ca }: Target, { method = 'GET', path, headers = {}, body }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca,
        method,
        path,
        agent: false,
        headers: { host: `localhost:${port}`, ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: parse(text) })
        })
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    if (body !== undefined) sent.write(body)
    sent.end()
  })
}

export function postJson(
  target: Target,
  path: string,
  value: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const body = typeof value === 'string' ? value : JSON.stringify(value)
  return call(target, {
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)), ...headers },
    body,
  })
}

/** Bytes on the wire, exactly as given: what a client library would refuse to send. */
export async function raw(target: Target, text: string | Uint8Array, timeoutMs = 10_000): Promise<Reply> {
  const socket = await open(target)
  socket.write(text)
  return readReply(socket, timeoutMs)
}

export function open({ port, ca }: Target, options: object = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca, ...options }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Everything until the server closes, or until one answer with a Content-Length is whole. */
export function readReply(socket: TLSSocket, timeoutMs = 10_000): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let received = ''
    const done = () => {
      clearTimeout(timer)
      const [head = '', ...rest] = received.split('\r\n\r\n')
      const [status = '', ...lines] = head.split('\r\n')
      const headers = Object.fromEntries(
        lines.map((line): [string, string] => [
          line.slice(0, line.indexOf(':')).toLowerCase(),
          line.slice(line.indexOf(':') + 2),
        ]),
      )
      const text = rest.join('\r\n\r\n')
      resolve({ status: Number(status.split(' ')[1] ?? 0), headers, text, json: parse(text) })
      socket.destroy()
    }
    const timer = setTimeout(() => reject(new Error('no answer in time')), timeoutMs)
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('utf8')
      const length = /content-length: (\d+)/i.exec(received)?.[1]
      const body = received.split('\r\n\r\n').slice(1).join('\r\n\r\n')
      if (length !== undefined && received.includes('\r\n\r\n') && Buffer.byteLength(body) >= Number(length)) done()
    })
    socket.on('close', done)
    socket.on('error', done)
  })
}

/**
 * A port that was free a moment ago: the public URL names it before the listener has it. Below the range that the system
 * gives to outgoing connections, of which the tests beside this one open hundreds while an API starts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** How late the event loop of this process has been since then, in ms: what a bound in real time has to forgive. */
export function watchLateness(): () => number {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  return () => {
    delay.disable()
    return delay.max / 1e6
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
