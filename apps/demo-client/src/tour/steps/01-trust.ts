import { connect } from 'node:tls'
import { connectTrusting } from '../../trust.js'
import type { TourStep } from '../context.js'
import { expectSame, expectThat } from '../expect.js'

/** OpenSSL's words for a chain that ends at an authority nobody told us to trust. */
const untrusted = ['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']

export const trust: TourStep = {
  title: 'Trusts the authority of this API and no other',
  unless: ({ ca }) => (ca === undefined ? 'needs --ca: the system decides whom to trust' : null),
  async run({ baseUrl, ca, anonymous }, report) {
    const strangers = connectTrusting()
    const refusal = await strangers.fetch(`${baseUrl}/health/ready`).then(() => 'it was trusted', codeOf)
    await strangers.close()
    expectThat('a certificate from an unknown authority', untrusted.includes(refusal), untrusted[0] ?? '', refusal)
    report.fact(`with the system's authorities: refused by us, ${refusal}`)

    const { status } = await anonymous.health()
    expectSame('health', status, 'ready')
    report.fact('with the CA of the API: trusted, host name checked')

    const old = await handshake(baseUrl, ca, 'TLSv1.1')
    expectSame('a TLS 1.1 handshake', old, 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
    const current = await handshake(baseUrl, ca, 'TLSv1.3')
    expectSame('the newest version in common', current, 'TLSv1.3')
    report.fact(`TLS 1.1: refused by the server; agreed on ${current}`)
  },
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'another error'
}

/** The version agreed on when `version` is the newest that we offer, or the code of the refusal. */
function handshake(baseUrl: string, ca: string | undefined, version: 'TLSv1.1' | 'TLSv1.3'): Promise<string> {
  const { hostname, port } = new URL(baseUrl)
  // Old versions need an old security level of OpenSSL: without it the client itself would refuse, and prove nothing.
  const old = version === 'TLSv1.1' ? ({ ciphers: 'DEFAULT@SECLEVEL=0', minVersion: version } as const) : {}
  return new Promise((resolve) => {
    const socket = connect({
      host: hostname,
      port: Number(port === '' ? 443 : port),
      servername: hostname,
      ...(ca === undefined ? {} : { ca }),
      maxVersion: version,
      ...old,
      timeout: 5_000,
    })
    const end = (outcome: string) => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('secureConnect', () => end(socket.getProtocol() ?? 'no version'))
    socket.once('timeout', () => end('no answer in 5 s'))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.name))
  })
}
