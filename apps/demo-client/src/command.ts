import { readFile } from 'node:fs/promises'
import { parseArguments, type TourArguments, usage } from './arguments.js'
import { type Environment, readCredentials } from './credentials.js'
import { ConfigurationError, exitCode, ServerFailure } from './failures.js'
import { createTourContext, type TourStep } from './tour/context.js'
import { jsonNarrator, type Narrator, outputOf, proseNarrator, systemTicker } from './tour/narrate.js'
import { runTour, selectSteps } from './tour/run.js'
import type { TourServer } from './tour/server.js'
import { connectTrusting } from './trust.js'

/** Where a program writes; `process.stdout` is one. */
export interface Stream {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface CommandOptions {
  readonly args: readonly string[]
  readonly environment: Environment
  readonly stdout: Stream
  readonly stderr: Stream
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  readonly steps: Readonly<Record<string, TourStep>>
  readonly startServer: (signal: AbortSignal) => Promise<TourServer>
}

/** Runs the tour as the command line asks and answers with the exit code. Never throws for what a user can cause. */
export async function runCommand(options: CommandOptions): Promise<number> {
  const { args, stdout, stderr } = options
  try {
    const wanted = parseArguments(args)
    if (wanted.help) {
      stdout.write(`${usage}\n\nsteps:\n${listSteps(options.steps)}\n`)
      return exitCode.passed
    }
    return await conduct(wanted, options)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    stderr.write(`${error.message}\n`)
    return exitCode.misconfigured
  }
}

async function conduct(wanted: TourArguments, options: CommandOptions): Promise<number> {
  const { environment, signal, startServer } = options
  const steps = selectSteps(options.steps, wanted.only)
  const narrator = narratorFor(wanted, options)
  if (wanted.baseUrl !== null) {
    const ca = wanted.caFile === null ? undefined : await readCa(wanted.caFile)
    const target = { baseUrl: wanted.baseUrl, ca, credentials: readCredentials(environment), server: null }
    narrator.begin(`the API at ${wanted.baseUrl}`)
    return drive(target, steps, narrator, signal)
  }
  narrator.begin('an API of its own')
  const server = await start(startServer, narrator, signal)
  if (server === null) return signal.aborted ? exitCode.interrupted : exitCode.failed
  try {
    const { baseUrl, ca } = server
    // The client part gets its credentials where a deployed one would: from its environment, and from there alone.
    const credentials = readCredentials({ ...server.environment })
    return await drive({ baseUrl, ca, credentials, server }, steps, narrator, signal)
  } finally {
    await server.stop()
  }
}

/** Told like a step, because it takes as long as some; `null` when there is no server to drive. */
async function start(
  startServer: CommandOptions['startServer'],
  narrator: Narrator,
  signal: AbortSignal,
): Promise<TourServer | null> {
  const step = { id: '00-start', title: 'Starts an API of its own, with sample data in memory' }
  const started = performance.now()
  narrator.stepStarted(step)
  try {
    const server = await startServer(signal)
    narrator.stepEnded({
      step,
      ms: performance.now() - started,
      facts: [`listens on ${server.baseUrl}`],
      outcome: 'passed',
    })
    return server
  } catch (error) {
    if (!(error instanceof ServerFailure)) throw error
    const ms = performance.now() - started
    if (signal.aborted) narrator.end({ outcome: 'interrupted', passed: 0, skipped: 0, ms })
    else {
      const failure = { what: "the tour's own server", expected: 'it listens', actual: error.message, requestId: null }
      narrator.stepEnded({ step, ms, facts: [], outcome: 'failed', failure })
    }
    return null
  }
}

async function drive(
  target: Omit<Parameters<typeof createTourContext>[0], 'connections'>,
  steps: Readonly<Record<string, TourStep>>,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<number> {
  const context = createTourContext({ ...target, connections: connectTrusting(target.ca) })
  try {
    const { outcome } = await runTour({
      steps,
      context,
      narrator,
      clock: () => performance.now(),
      lastRequestId: () => context.traffic.lastRequestId,
      signal,
    })
    return exitCode[outcome]
  } finally {
    await context.close()
  }
}

function narratorFor({ json }: TourArguments, { stdout, environment }: CommandOptions): Narrator {
  const output = outputOf(stdout, environment)
  return json ? jsonNarrator(output) : proseNarrator(output, () => performance.now(), systemTicker)
}

async function readCa(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new ConfigurationError('--ca names no readable file with a certificate in PEM')
  return text
}

const listSteps = (steps: Readonly<Record<string, TourStep>>) =>
  Object.entries(steps)
    .map(([id, { title }]) => `  ${id.padEnd(24)} ${title}`)
    .join('\n')
