import { diffPolicies, type Finding, formatPolicy, lintPolicy, type PolicyChange } from '../analysis/index.js'
import type { PolicyDocument } from '../document.js'
import { isRbacError, PolicyError } from '../errors.js'
import { parseJson, parsePolicy } from '../json.js'
import { type AnyPolicy, compiledOf, compilePolicy } from '../policy.js'
import { runPolicyTests } from '../testing.js'
import { InputError, readAssignmentList, readRequest } from './input.js'

/** What a command may touch of the machine; what throws carries the `code` of a system error where it has one. */
export interface Machine {
  readonly read: (path: string) => string
  readonly write: (path: string, text: string) => void
  readonly now: () => number
}

/** What a command printed and how it ended: 0 clean, 1 findings, 2 usage or a file that cannot be read. */
export interface CommandResult {
  readonly code: 0 | 1 | 2
  readonly output: string
  readonly errors: string
}

const USAGE = `coffer-rbac <command>

  fmt [--check] FILE                        lay the document out; with --check only say whether it is
  lint [--json] [--fail-on LEVEL] FILE      what a reviewer would ask; LEVEL is error, warning (default) or info
  test [--json] [--coverage] FILE           run the tests in the document
  explain FILE REQUEST                      decide a request (a JSON file) and say why, as JSON
  diff [--json] [--assignments FILE] [--no-new-access] OLD NEW
                                            what changes; any difference exits 1, with --no-new-access only a
                                            gain, loosen or change does

REQUEST      { "subject": { "id": "u1", "tenant": "t1", "roles": ["maker"], "assurance": 2, "ceilings": ["support"],
               "attributes": { "limit": 100 } }, "permission": "payment:approve", "resource": { "amount": 5 },
               "context": {}, "activeRoles": ["maker"], "now": 0 }
             id, roles and permission are required; now is in ms, and the system clock's if it is left out
ASSIGNMENTS  [{ "subject": "u1", "tenant": "t1", "roles": ["maker", { "role": "checker", "tenant": "t2",
               "notBefore": 0, "expiresAt": 1 }] }]
             the file of --assignments: changes are then counted in subjects, and new violations are found

A FILE of - is standard input; fmt then writes to standard output.
exit code: 0 clean or permitted, 1 findings, failures or denied, 2 usage, or a file that is not readable or no policy
`

interface Parsed {
  readonly flags: ReadonlySet<string>
  readonly values: ReadonlyMap<string, string>
  readonly files: readonly string[]
}

interface Command {
  /** What comes after its name. */
  readonly usage: string
  readonly flags: readonly string[]
  readonly values: readonly string[]
  readonly files: number
  readonly run: (parsed: Parsed, machine: Machine) => Omit<CommandResult, 'errors'>
}

class UsageError extends Error {}
/** A file that cannot be used; the usage would not help. */
class FileError extends Error {}

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['fmt', { usage: '[--check] FILE', flags: ['--check'], values: [], files: 1, run: format }],
  ['lint', { usage: '[--json] [--fail-on LEVEL] FILE', flags: ['--json'], values: ['--fail-on'], files: 1, run: lint }],
  ['test', { usage: '[--json] [--coverage] FILE', flags: ['--json', '--coverage'], values: [], files: 1, run: test }],
  ['explain', { usage: 'FILE REQUEST', flags: [], values: [], files: 2, run: explain }],
  [
    'diff',
    {
      usage: '[--json] [--assignments FILE] [--no-new-access] OLD NEW',
      flags: ['--json', '--no-new-access'],
      values: ['--assignments'],
      files: 2,
      run: diff,
    },
  ],
])

const isHelp = (argument: string | undefined): boolean => argument === '--help' || argument === '-h'

/** Runs one command line; touches nothing but the machine it is handed. */
export function runCommand(args: readonly string[], machine: Machine): CommandResult {
  const [name, ...rest] = args
  if (name === 'help' || isHelp(name)) return { code: 0, output: USAGE, errors: '' }
  const command = name === undefined ? undefined : COMMANDS.get(name)
  if (command === undefined)
    return { code: 2, output: '', errors: `${name === undefined ? '' : `unknown command ${name}\n\n`}${USAGE}` }
  const usage = `usage: coffer-rbac ${name} ${command.usage}\n`
  if (rest.some(isHelp)) return { code: 0, output: `${usage}\n${USAGE}`, errors: '' }
  try {
    return { ...command.run(parseArguments(rest, command), machine), errors: '' }
  } catch (error) {
    if (error instanceof UsageError) return { code: 2, output: '', errors: `${error.message}\n${usage}` }
    if (isRbacError(error)) return { code: 2, output: '', errors: `${error.code}: ${error.message}\n` }
    // A crash would exit 1, which says "findings".
    return { code: 2, output: '', errors: `${error instanceof Error ? error.message : 'failed'}\n` }
  }
}

function parseArguments(args: readonly string[], command: Command): Parsed {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  const files: string[] = []
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ''
    if (command.flags.includes(argument)) flags.add(argument)
    else if (command.values.includes(argument)) values.set(argument, args[++index] ?? '')
    else if (argument !== '-' && argument.startsWith('-')) throw new UsageError(`unknown option ${argument}`)
    else files.push(argument)
  }
  if (files.length !== command.files)
    throw new UsageError(`${command.files} file${command.files === 1 ? '' : 's'} expected, ${files.length} given`)
  const all = [...files, ...values.values()]
  if (all.indexOf('-') < all.lastIndexOf('-')) throw new UsageError('standard input can be read once only')
  return { flags, values, files }
}

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EISDIR', 'it is a directory'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'permission denied'],
  ['EROFS', 'the file system is read-only'],
  ['ERR_ENCODING_INVALID_ENCODED_DATA', 'it is not UTF-8'],
])

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return REASONS.get(code) ?? (typeof code === 'string' ? code : 'unknown reason')
}

function readText(path: string, machine: Machine): string {
  try {
    return machine.read(path)
  } catch (error) {
    throw new FileError(`cannot read ${nameOf(path)}: ${reasonOf(error)}`)
  }
}

function writeText(path: string, text: string, machine: Machine): void {
  try {
    machine.write(path, text)
  } catch (error) {
    throw new FileError(`cannot write ${nameOf(path)}: ${reasonOf(error)}`)
  }
}

function nameOf(path: string): string {
  return path === '-' ? 'standard input' : path
}

/** What is wrong in a file is said with its name: `diff` reads three. */
function inFile<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PolicyError) throw new FileError(issuesText(nameOf(path), error))
    if (error instanceof InputError) throw new FileError(`${nameOf(path)}: ${error.message}`)
    throw error
  }
}

function readDocument(path: string, machine: Machine): PolicyDocument {
  const text = readText(path, machine)
  return inFile(path, () => parsePolicy(text))
}

function readPolicy(path: string, machine: Machine): AnyPolicy {
  const document = readDocument(path, machine)
  return inFile(path, () => compilePolicy(document))
}

function readJson<T>(path: string, machine: Machine, read: (json: unknown) => T): T {
  const text = readText(path, machine)
  return inFile(path, () => read(parseJson(text)))
}

function issuesText(name: string, error: PolicyError): string {
  return error.issues
    .map(({ pointer, code, message, hint }) => `${name}#${pointer}: ${code}: ${message} (${hint})`)
    .join('\n')
}

function format({ files, flags }: Parsed, machine: Machine): Omit<CommandResult, 'errors'> {
  const path = files[0] ?? ''
  const before = readText(path, machine)
  const document = inFile(path, () => parsePolicy(before))
  inFile(path, () => compilePolicy(document))
  const after = formatPolicy(document)
  if (flags.has('--check') && before !== after)
    return { code: 1, output: `${nameOf(path)} is laid out otherwise: run coffer-rbac fmt ${path}\n` }
  if (flags.has('--check')) return { code: 0, output: '' }
  if (path === '-') return { code: 0, output: after }
  if (before === after) return { code: 0, output: '' }
  writeText(path, after, machine)
  return { code: 0, output: `${path}\n` }
}

const LEVELS = ['error', 'warning', 'info'] as const

function lint({ files, flags, values }: Parsed, machine: Machine): Omit<CommandResult, 'errors'> {
  const level = values.get('--fail-on') ?? 'warning'
  const limit = LEVELS.indexOf(level as (typeof LEVELS)[number])
  if (limit < 0) throw new UsageError(`--fail-on takes one of ${LEVELS.join(', ')}`)
  const findings = lintPolicy(readPolicy(files[0] ?? '', machine), { now: machine.now() })
  const line = ({ severity, pointer, rule, message, hint }: Finding): string =>
    `${severity} ${pointer}: ${rule}: ${message} (${hint})\n`
  const output = flags.has('--json') ? json(findings) : findings.map(line).join('')
  return { code: findings.some((finding) => LEVELS.indexOf(finding.severity) <= limit) ? 1 : 0, output }
}

function test({ files, flags }: Parsed, machine: Machine): Omit<CommandResult, 'errors'> {
  const report = runPolicyTests(readPolicy(files[0] ?? '', machine))
  const code = report.failed.length > 0 ? 1 : 0
  if (flags.has('--json')) return { code, output: json(report) }
  const failed = report.failed.map(({ name, expected, decision }) => {
    const got =
      decision === null ? 'a malformed subject' : [decision.decision, decision.reason, decision.ruleId ?? ''].join(' ')
    const wanted = [expected.decision, expected.reason, expected.ruleId].filter((part) => part !== undefined).join(' ')
    return `failed ${name}: expected ${wanted}, got ${got}\n`
  })
  const covered = flags.has('--coverage')
    ? report.rules.map(({ id, hits }) => `${hits === 0 ? 'untested' : 'tested  '} ${id}\n`)
    : []
  return {
    code,
    output: `${[...failed, ...covered].join('')}${report.passed} passed, ${report.failed.length} failed\n`,
  }
}

function explain({ files }: Parsed, machine: Machine): Omit<CommandResult, 'errors'> {
  const policy = readPolicy(files[0] ?? '', machine)
  const declared = compiledOf(policy).model.subject
  const request = readJson(files[1] ?? '', machine, (value) => readRequest(value, declared))
  const { subject, permission, resource, context, activeRoles, now = machine.now() } = request
  const session = policy.session(subject, { now, ...(activeRoles !== undefined && { activeRoles }) })
  const explanation = session.explain(permission as `${string}:${string}`, resource, context)
  const { unknownRoles, unknownCeilings } = session
  return {
    code: explanation.decision === 'permit' ? 0 : 1,
    output: json({ ...explanation, unknownRoles, unknownCeilings }),
  }
}

function diff({ files, flags, values }: Parsed, machine: Machine): Omit<CommandResult, 'errors'> {
  const path = values.get('--assignments')
  const assignments = path === undefined ? undefined : readJson(path, machine, readAssignmentList)
  const changes = diffPolicies(
    readPolicy(files[0] ?? '', machine),
    readPolicy(files[1] ?? '', machine),
    assignments === undefined ? {} : { assignments },
  )
  const widens = changes.some(({ kind }) => kind === 'gain' || kind === 'loosen' || kind === 'change')
  const line = ({ kind, role, permission, before, after, subjects }: PolicyChange): string =>
    `${[kind, role, permission].filter((part) => part !== null).join(' ')}: ${before ?? '-'} -> ${after ?? '-'}${subjects === undefined ? '' : ` (${subjects} subjects)`}\n`
  const code = flags.has('--no-new-access') ? (widens ? 1 : 0) : changes.length > 0 ? 1 : 0
  return { code, output: flags.has('--json') ? json(changes) : changes.map(line).join('') }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
