import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { TlsIdentity } from './server.js'

/** What a data directory keeps: the authority that a client is told to trust, and the leaf that the listener serves. */
export interface LocalIdentity extends TlsIdentity {
  /** PEM of the certificate authority. Its private key is not kept, so nobody can sign with it again. */
  readonly ca: string
}

/** The name of every authority that a demo has made. */
export const demoAuthority = 'CN=Coffer demo authority'
const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
const leafDays = 90
const renewBeforeDays = 7

/**
 * Mints a certificate authority for this data directory and one leaf for the host, `localhost` and the loopback
 * addresses. The authority's key is forgotten at once: what was signed is all there will ever be.
 */
export async function mintIdentity(host: string, now: number): Promise<LocalIdentity> {
  const { subtle } = webcrypto
  const authorityKeys = await subtle.generateKey(keyAlgorithm, false, ['sign', 'verify'])
  const leafKeys = await subtle.generateKey(keyAlgorithm, true, ['sign', 'verify'])
  const notBefore = new Date(now - 3_600_000)
  const notAfter = new Date(now + leafDays * dayMs)
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: demoAuthority,
    notBefore,
    notAfter,
    keys: authorityKeys,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const names = [...new Set([host, 'localhost'])].filter((name) => !isAddress(name))
  const addresses = [...new Set([host, '127.0.0.1', '::1'])].filter(isAddress)
  const leaf = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Coffer demo API',
    issuer: authority.subject,
    notBefore,
    notAfter,
    publicKey: leafKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names.map((value) => ({ type: 'dns' as const, value })),
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  })
  const key = await subtle.exportKey('pkcs8', leafKeys.privateKey)
  return {
    ca: authority.toString('pem'),
    cert: `${leaf.toString('pem')}\n${authority.toString('pem')}`,
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  }
}

/** Whether a kept leaf still serves: valid now, for a week to come, and for this host. */
export function isServable(identity: LocalIdentity, host: string, now: number): boolean {
  try {
    const leaf = new x509.X509Certificate(identity.cert)
    const names = leaf.getExtension(x509.SubjectAlternativeNameExtension)?.names.toJSON() ?? []
    return (
      leaf.notBefore.getTime() <= now &&
      leaf.notAfter.getTime() > now + renewBeforeDays * dayMs &&
      names.some(({ value }) => value === host)
    )
  } catch {
    return false
  }
}

function isAddress(name: string): boolean {
  return /^[\d.]+$|:/.test(name)
}

/** 16 random bytes, positive and without a leading zero (RFC 5280 §4.1.2.2). */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return Buffer.from(bytes).toString('hex')
}
