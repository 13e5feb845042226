import { runCommand } from './command.js'
import { exitCode } from './failures.js'
import { startOwnServer } from './tour/own-server.js'
import { steps } from './tour/steps.js'

// The only file that touches the process.
const controller = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    // A second one does not wait for the server to end in order.
    if (controller.signal.aborted) process.exit(exitCode.interrupted)
    controller.abort()
  })
// A reader that has gone away, as `| head` does, ends the tour as Ctrl-C does.
process.stdout.on('error', () => controller.abort())

process.exitCode = await runCommand({
  args: process.argv.slice(2),
  environment: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: controller.signal,
  steps,
  startServer: startOwnServer,
})
