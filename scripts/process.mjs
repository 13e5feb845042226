import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The repository's root, with a trailing slash. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** What every child gets besides our own environment: turbo keeps its telemetry and its notices to itself. */
const quiet = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }

/**
 * Runs a command and resolves with its exit code and what it printed.
 *
 * Ctrl-C reaches the child from the terminal itself; here it is only kept from ending us first, so that the child's
 * own shutdown decides. SIGTERM is passed on.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, print?: boolean, keep?: boolean, input?: boolean }} [options]
 *   `print` (default true) shows the output as it comes; `keep` collects it.
 * @returns {Promise<{ code: number, output: string }>}
 */
export function run(command, args, options = {}) {
  const { cwd = root, env = {}, print = true, keep = false, input = false } = options
  return new Promise((resolve, reject) => {
    const piped = keep || !print
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...quiet, ...env },
      stdio: [input ? 'inherit' : 'ignore', piped ? 'pipe' : 'inherit', piped ? 'pipe' : 'inherit'],
    })
    let output = ''
    const take = (stream) => (chunk) => {
      output += chunk
      if (print) stream.write(chunk)
    }
    child.stdout?.on('data', take(process.stdout))
    child.stderr?.on('data', take(process.stderr))
    const wait = () => {}
    const passOn = () => child.kill('SIGTERM')
    process.on('SIGINT', wait)
    process.on('SIGTERM', passOn)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait)
      process.off('SIGTERM', passOn)
      resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output })
    })
  })
}

/** Runs one of the tools installed at the root, by the name of its command. */
export const tool = (name, args, options) => run(`${root}node_modules/.bin/${name}`, args, options)
