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
  const { args, stdout, stderr, signal } = options
  try {
    const wanted = parseArguments(args)
    if (wanted.help) {
      stdout.write(`${usage}\n\nsteps:\n${listSteps(options.steps)}\n`)
      return exitCode.passed
    }
    return await conduct(wanted, options)
  } catch (error) {
    if (signal.aborted) return exitCode.interrupted
    if (error instanceof ConfigurationError) {
      stderr.write(`${error.message}\n`)
      return exitCode.misconfigured
    }
    if (error instanceof ServerFailure) {
      stderr.write(`the tour's own server: ${error.message}\n`)
      return exitCode.failed
    }
    throw error
  }
}

async function conduct(wanted: TourArguments, options: CommandOptions): Promise<number> {
  const { environment, signal, startServer } = options
  const steps = selectSteps(options.steps, wanted.only)
  const narrator = narratorFor(wanted, options)
  if (wanted.baseUrl !== null) {
    const ca = wanted.caFile === null ? undefined : await readCa(wanted.caFile)
    const target = { baseUrl: wanted.baseUrl, ca, credentials: readCredentials(environment), server: null }
    return drive(target, steps, narrator, signal)
  }
  const server = await startServer(signal)
  try {
    const { baseUrl, ca } = server
    // The client part gets its credentials where a deployed one would: from its environment, and from there alone.
    const credentials = readCredentials({ ...server.environment })
    return await drive({ baseUrl, ca, credentials, server }, steps, narrator, signal)
  } finally {
    await server.stop()
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
    narrator.begin(target.baseUrl)
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
