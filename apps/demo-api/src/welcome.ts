import { relative } from 'node:path'
import type { SampleCredential } from './seed/samples.js'

export interface WelcomeOptions {
  readonly publicUrl: string
  /** The authority to trust; `undefined` where the certificate is a public one. */
  readonly caFile: string | undefined
  /** Those that work; `null` where there is no demo data. */
  readonly credentials: readonly SampleCredential[] | null
  readonly dataDir: string
  /** Secrets that this start has made and left in the data directory. */
  readonly madeSecrets: readonly string[]
  readonly seconds: number
}

/** What the demo prints once it listens: where it is, who can log in, and three lines to paste. */
export function welcome({ publicUrl, caFile, credentials, dataDir, madeSecrets, seconds }: WelcomeOptions): string {
  const lines = [`FinCode API on ${publicUrl} (started in ${seconds.toFixed(1)} s)`, '']
  if (caFile !== undefined) lines.push(`Certificate authority  ${shown(caFile)}`)
  lines.push(`Data                   ${shown(dataDir)}`, '')
  if (madeSecrets.length > 0) {
    lines.push(
      `Made here for this demo, unprotected but by file mode: ${madeSecrets.join(', ')}. Production takes its own.`,
      '',
    )
  }
  if (credentials !== null) lines.push(...credentialLines(credentials))
  lines.push(...curlLines(publicUrl, caFile, credentials ?? []))
  return `${lines.join('\n')}\n`
}

function credentialLines(credentials: readonly SampleCredential[]): readonly string[] {
  if (credentials.length === 0) {
    return [
      'Sample credentials: none to show. This database was made with another DATA_DIR, whose start shows them.',
      '',
    ]
  }
  const rows = credentials.map((sample) =>
    sample.kind === 'user'
      ? [sample.tenant, sample.role, sample.email, sample.password]
      : [sample.tenant, sample.role, sample.tokenId, sample.apiToken],
  )
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const table = rows.map(
    (row) =>
      `  ${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}`,
  )
  return ['Sample credentials', ...table, '']
}

/** Lines that work as printed, in any POSIX shell, from this directory. */
function curlLines(
  publicUrl: string,
  caFile: string | undefined,
  credentials: readonly SampleCredential[],
): readonly string[] {
  const curl = caFile === undefined ? 'curl -s' : `curl -s --cacert ${quoted(shown(caFile))}`
  const token = credentials.find((sample) => sample.kind === 'api-token')
  const user = credentials.find((sample) => sample.kind === 'user')
  const lines = [`${curl} ${publicUrl}/health/ready`]
  if (user?.kind === 'user') {
    const body = quoted(JSON.stringify({ email: user.email, password: user.password }))
    lines.push(`${curl} ${publicUrl}/v1/auth/login -H 'content-type: application/json' -d ${body}`)
  }
  if (token?.kind === 'api-token') {
    const exchange = `${curl} -u ${quoted(`${token.tokenId}:${token.apiToken}`)} -d grant_type=client_credentials ${publicUrl}/v1/oauth/token`
    const access = `$(${exchange} | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`
    lines.push(`${curl} -H "authorization: Bearer ${access}" '${publicUrl}/v1/payments?limit=2'`)
  }
  return ['Try', ...lines.map((line) => `  ${line}`), '', 'Ctrl-C stops.']
}

/** Relative where that is shorter, so that a line fits; both work from the working directory. */
function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near !== '' && !near.startsWith('..') ? near : path
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
