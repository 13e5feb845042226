import { ConfigurationError } from '../failures.js'
import { FinCodeProblem } from '../problem.js'
import { type Failure, Mismatch } from './expect.js'
import type { Narrator } from './narrate.js'

export interface StepName {
  /** `09-card`: the number and name of its file. */
  readonly id: string
  readonly title: string
}

/** One step of the tour, in a file of its own. It makes what it needs, so that each can run alone. */
export interface Step<Context> {
  readonly title: string
  /** Why the step cannot run here, or `null`. */
  readonly unless?: (context: Context) => string | null
  run(context: Context, report: Report): Promise<void>
}

/** How a step says what it showed. */
export interface Report {
  fact(line: string): void
}

export type StepResult = { readonly step: StepName; readonly ms: number; readonly facts: readonly string[] } & (
  | { readonly outcome: 'passed' }
  | { readonly outcome: 'skipped'; readonly reason: string }
  | { readonly outcome: 'failed'; readonly failure: Failure }
)

export interface TourSummary {
  readonly outcome: 'passed' | 'failed' | 'interrupted'
  readonly passed: number
  readonly skipped: number
  readonly ms: number
}

export interface TourOptions<Context> {
  /** By their file names, in order. */
  readonly steps: Readonly<Record<string, Step<Context>>>
  readonly context: Context
  readonly narrator: Narrator
  /** Milliseconds that never step back. */
  readonly clock: () => number
  /** The request ID of the last answer: the one to look up when a step fails on a value. */
  readonly lastRequestId: () => string | null
  /** Ends the tour between steps and within one. */
  readonly signal: AbortSignal
}

/** Runs the steps in order and ends at the first one that fails. */
export async function runTour<Context>(options: TourOptions<Context>): Promise<TourSummary> {
  const { steps, context, narrator, clock, lastRequestId, signal } = options
  const started = clock()
  let passed = 0
  let skipped = 0
  const finish = (outcome: TourSummary['outcome']): TourSummary => {
    const summary = { outcome, passed, skipped, ms: clock() - started }
    narrator.end(summary)
    return summary
  }
  for (const [id, step] of Object.entries(steps)) {
    if (signal.aborted) return finish('interrupted')
    const result = await runStep({ id, title: step.title }, step, context, { narrator, clock, lastRequestId, signal })
    if (result === 'interrupted') return finish('interrupted')
    narrator.stepEnded(result)
    if (result.outcome === 'failed') return finish('failed')
    if (result.outcome === 'passed') passed += 1
    else skipped += 1
  }
  return finish('passed')
}

async function runStep<Context>(
  name: StepName,
  step: Step<Context>,
  context: Context,
  { narrator, clock, lastRequestId, signal }: Omit<TourOptions<Context>, 'context' | 'steps'>,
): Promise<StepResult | 'interrupted'> {
  const facts: string[] = []
  const started = clock()
  const common = () => ({ step: name, ms: clock() - started, facts })
  const reason = step.unless?.(context) ?? null
  if (reason !== null) return { ...common(), outcome: 'skipped', reason }
  narrator.stepStarted(name)
  try {
    await untilAborted(step.run(context, { fact: (line) => facts.push(line) }), signal)
    return { ...common(), outcome: 'passed' }
  } catch (error) {
    if (signal.aborted) return 'interrupted'
    return { ...common(), outcome: 'failed', failure: failureOf(error, lastRequestId()) }
  }
}

/** Rejects when the signal aborts; a step that is still waiting is left behind, and its rejection with it. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new Error('interrupted'))
    signal.addEventListener('abort', abort, { once: true })
    // The step's first part has run already, and the event is not sent twice.
    if (signal.aborted) abort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** What went wrong, as two values and a request ID, whatever was thrown. */
function failureOf(error: unknown, lastRequestId: string | null): Failure {
  if (error instanceof Mismatch) return { ...error.values, requestId: error.requestId ?? lastRequestId }
  if (error instanceof FinCodeProblem)
    return { what: 'a request', expected: 'an answer', actual: error.message, requestId: error.requestId }
  return { what: 'a request', expected: 'an answer', actual: describe(error), requestId: lastRequestId }
}

/** Name, message and code of an error and of what caused it: undici says `fetch failed`, its cause says why. */
function describe(error: unknown): string {
  const parts: string[] = []
  for (let current = error, depth = 0; current instanceof Error && depth < 3; current = current.cause, depth++) {
    const code = 'code' in current && typeof current.code === 'string' ? ` (${current.code})` : ''
    parts.push(`${current.name}: ${current.message.split('\n')[0]}${code}`)
  }
  return parts.length === 0 ? 'something that is no Error was thrown' : parts.join('; because ')
}

/**
 * Picks the steps that `--only` names: by number (`9`, `09`), by name (`card`) or by both (`09-card`).
 *
 * @throws {ConfigurationError} for a name that no step has.
 */
export function selectSteps<S>(
  steps: Readonly<Record<string, S>>,
  only: readonly string[],
): Readonly<Record<string, S>> {
  if (only.length === 0) return steps
  const chosen = new Set(
    only.map((wanted) => {
      const found = Object.keys(steps).find((id) => {
        const [number = '', name = ''] = [id.slice(0, 2), id.slice(3)]
        return wanted === id || wanted === name || (/^\d{1,2}$/.test(wanted) && Number(wanted) === Number(number))
      })
      if (found === undefined)
        throw new ConfigurationError(`--only names no step; the steps are ${Object.keys(steps).join(', ')}`)
      return found
    }),
  )
  return Object.fromEntries(Object.entries(steps).filter(([id]) => chosen.has(id)))
}
