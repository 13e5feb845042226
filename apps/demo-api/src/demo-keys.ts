import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsIdentity } from './server.js'
import type { StartFault } from './start-error.js'
import { demoAuthority } from './tls.js'

/** What a production start was given, and where a demo would have kept its own. */
export interface GivenKeys {
  readonly kek: Uint8Array | undefined
  readonly refreshSecret: Uint8Array | undefined
  readonly tls: TlsIdentity | undefined
  readonly dataDir: string
}

/**
 * Keys that production must not run on: those of a demo, which lie beside its data and whose certificate authority
 * anybody may have been told to trust, one key for two purposes, and a placeholder.
 */
export function weakKeys({ kek, refreshSecret, tls, dataDir }: GivenKeys): readonly StartFault[] {
  const faults: StartFault[] = []
  const known = demoSecrets(join(dataDir, 'secrets'))
  for (const [setting, value] of [
    ['KEK', kek],
    ['REFRESH_SECRET', refreshSecret],
  ] as const) {
    if (value === undefined) continue
    if (value.every((byte) => byte === value[0])) faults.push({ setting, fault: 'is one byte over and over' })
    if (known.some((secret) => secret.equals(value)))
      faults.push({ setting, fault: 'is a secret that a demo has made' })
  }
  if (kek !== undefined && refreshSecret !== undefined && Buffer.from(kek).equals(refreshSecret)) {
    faults.push({ setting: 'REFRESH_SECRET', fault: 'is the same as KEK' })
  }
  if (tls !== undefined && new X509Certificate(tls.cert).issuer === demoAuthority) {
    faults.push({ setting: 'TLS_CERT', fault: 'was issued by the authority of a demo' })
  }
  return faults
}

/** Read as the settings are: a file that is there and cannot be read stops the start when the directory is opened. */
function demoSecrets(folder: string): readonly Buffer[] {
  try {
    return readdirSync(folder).map((name) => Buffer.from(readFileSync(join(folder, name), 'utf8').trim(), 'base64url'))
  } catch {
    return []
  }
}
