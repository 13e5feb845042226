import { connect, type TLSSocket } from 'node:tls'
import { newKey, type TestApp } from '../api.js'

const body = JSON.stringify({ name: 'Slow Person' })

/** A request whose head and half a body have arrived; the server has said that it wants the rest. */
export async function begin(api: TestApp, token: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(api.publicUrl)
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: hostname, ca: api.ca })
  const head = [
    'POST /v1/customers HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${token}`,
    `Idempotency-Key: ${newKey()}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue',
    'Connection: close',
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 5)}`)
  await new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve())
    socket.once('error', reject)
  })
  return socket
}

export function finish(socket: TLSSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
    })
    socket.on('end', () => resolve(text))
    socket.on('error', reject)
    socket.write(body.slice(5))
  })
}
