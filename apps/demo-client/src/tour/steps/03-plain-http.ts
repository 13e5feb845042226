import { connect } from 'node:net'
import type { TourStep } from '../context.js'
import { expectThat } from '../expect.js'

export const plainHttp: TourStep = {
  title: 'Plain HTTP is refused',
  async run({ baseUrl }, report) {
    const { hostname, host, port } = new URL(baseUrl)
    // No credential in it: what is sent in clear is read by others.
    const answer = await sendPlain(
      hostname,
      Number(port === '' ? 443 : port),
      `GET /v1/me HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    )
    const refused = answer === '' || /^HTTP\/1\.1 (400|403) /.test(answer)
    expectThat('plain HTTP to the TLS port', refused, 'the connection closed, or 400 or 403', answer.split('\r\n')[0])
    report.fact(`GET /v1/me without TLS: ${answer === '' ? 'closed without a byte of HTTP' : answer.split('\r\n')[0]}`)
  },
}

/** What comes back as text until the other side closes; a TLS alert is no text and counts as nothing. */
function sendPlain(host: string, port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect({ host, port, timeout: 15_000 }, () => socket.write(request))
    // Nobody there is no refusal; a reset after the request is one.
    socket.once('error', (error) => (socket.bytesWritten === 0 ? reject(error) : undefined))
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      received += text
      if (received.length > 4_096) socket.destroy()
    })
    socket.on('timeout', () => socket.destroy())
    socket.on('close', () => resolve(received.startsWith('HTTP/') ? received : ''))
  })
}
