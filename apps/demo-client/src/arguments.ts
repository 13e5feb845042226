import { parseArgs } from 'node:util'
import { ConfigurationError } from './failures.js'

/** What the command line asks for. */
export interface TourArguments {
  readonly help: boolean
  /** One JSON object a line instead of prose. */
  readonly json: boolean
  /** Steps by number or name; empty: every step. */
  readonly only: readonly string[]
  /** A server elsewhere, as an origin; `null`: the tour starts its own. */
  readonly baseUrl: string | null
  /** A PEM file: the one certificate authority to trust instead of the system's. */
  readonly caFile: string | null
}

export const usage = `usage: pnpm tour [--only STEP] [--json] [--base-url URL [--ca FILE]]

Drives the demo API end to end as a server-to-server integrator and says what was sent, what came
back and what the database really holds. Without --base-url it starts a server of its own.

  --only STEP      one step, by number or name; may be repeated
  --json           one JSON object a line
  --base-url URL   drive the server at this https origin; the steps that need its database or its
                   clock are skipped, saying so
  --ca FILE        trust this certificate authority (PEM) instead of the system's
  --help           this text

environment, with --base-url (the tour's own server fills them in by itself):
  FINCODE_API_TOKEN_ID, FINCODE_API_TOKEN   an API token, or
  FINCODE_EMAIL, FINCODE_PASSWORD           a person
  FINCODE_<ROLE>_EMAIL, FINCODE_<ROLE>_PASSWORD   OWNER, MAKER, CHECKER, SUPPORT, NEIGHBOUR (a maker of
                                            another tenant): for the steps that need that person
  NO_COLOR         no colours

exit code: 0 every step passed; 1 a step failed; 78 a setting is missing or wrong; 130 interrupted`

/**
 * Reads the command line.
 *
 * @throws {ConfigurationError} for an unknown option, a URL that is no https origin, or `--ca` without `--base-url`.
 */
export function parseArguments(args: readonly string[]): TourArguments {
  const values = parse(args)
  const baseUrl = values['base-url'] === undefined ? null : parseOrigin(values['base-url'])
  const caFile = values.ca ?? null
  if (caFile !== null && baseUrl === null)
    throw new ConfigurationError('--ca goes with --base-url: the tour trusts the CA of its own server by itself')
  return { help: values.help ?? false, json: values.json ?? false, only: values.only ?? [], baseUrl, caFile }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      // `pnpm tour -- --json` hands on the separator too.
      args: args.filter((argument) => argument !== '--'),
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        'base-url': { type: 'string' },
        ca: { type: 'string' },
      },
    }).values
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'unreadable'
    throw new ConfigurationError(`${reason} (--help lists the options)`)
  }
}

function parseOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const bare = url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === ''
  if (url === null || !bare || url.protocol !== 'https:')
    throw new ConfigurationError('--base-url takes an https origin, such as https://localhost:8443')
  return url.origin
}
