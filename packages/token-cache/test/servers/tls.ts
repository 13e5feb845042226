import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { Agent, fetch as undiciFetch } from 'undici'

/** What a server on loopback shows, and the one authority that vouches for it. All of it is gone with the process. */
export interface ThrowawayIdentity {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** A certificate authority made for this run, and one certificate of it for the loopback addresses. */
export async function throwawayIdentity(): Promise<ThrowawayIdentity> {
  const { subtle } = crypto
  const authorityKeys = await subtle.generateKey(algorithm, false, ['sign', 'verify'])
  const serverKeys = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const notBefore = new Date(Date.now() - 3_600_000)
  const notAfter = new Date(Date.now() + 86_400_000)
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: 'CN=Throwaway authority',
    notBefore,
    notAfter,
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const server = await x509.X509CertificateGenerator.create({
    serialNumber: '02',
    subject: 'CN=Loopback',
    issuer: authority.subject,
    notBefore,
    notAfter,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const key = await subtle.exportKey('pkcs8', serverKeys.privateKey)
  return {
    ca: authority.toString('pem'),
    cert: server.toString('pem'),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  }
}

/** A `fetch` that trusts this authority and no other. */
export function trusting(ca: string): { readonly fetch: typeof fetch; close(): Promise<void> } {
  const agent = new Agent({ connect: { ca, minVersion: 'TLSv1.2' } })
  return {
    fetch: async (input, init = {}) => {
      const { method = 'GET', headers, body, redirect = 'manual', signal } = init
      const answer = await undiciFetch(String(input), {
        method,
        headers: [...new Headers(headers)],
        body: body === undefined || body === null ? null : String(body),
        redirect,
        signal: signal ?? null,
        dispatcher: agent,
      })
      return new Response(await answer.arrayBuffer(), { status: answer.status, headers: [...answer.headers] })
    },
    close: () => agent.destroy(),
  }
}
