import type { StepName, StepResult, TourSummary } from './run.js'

/** Tells the tour as it happens. Gets only what steps chose to say: no header, no body, no credential. */
export interface Narrator {
  /** `target` says in words what is driven. */
  begin(target: string): void
  stepStarted(step: StepName): void
  stepEnded(result: StepResult): void
  end(summary: TourSummary): void
}

/** Where lines go, and what can be drawn there. */
export interface Output {
  write(text: string): void
  /** A terminal whose line can be drawn again. */
  readonly terminal: boolean
  readonly color: boolean
  /** Characters a line; longer ones are cut on a terminal, because a wrapped running mark cannot be erased. */
  readonly columns: number
}

/** A repeating timer for the running mark; passed in, so that tests need none. */
export interface Ticker {
  start(run: () => void, everyMs: number): () => void
}

export const systemTicker: Ticker = {
  start(run, everyMs) {
    const handle = setInterval(run, everyMs)
    handle.unref()
    return () => clearInterval(handle)
  },
}

/** NO_COLOR (no-color.org): set and not empty means none. A dumb terminal cannot draw a line again. */
export function outputOf(
  stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number },
  environment: Readonly<Record<string, string | undefined>>,
): Output {
  const { NO_COLOR = '', TERM } = environment
  const terminal = stream.isTTY === true && TERM !== 'dumb'
  return {
    write: (text) => void stream.write(text),
    terminal,
    color: terminal && NO_COLOR === '',
    // A terminal of unknown size says 0.
    columns: stream.columns === undefined || stream.columns < 1 ? 80 : stream.columns,
  }
}

/** Prose: one line a step and what it showed below it; on a terminal with a running mark and the time so far. */
export function proseNarrator(output: Output, clock: () => number, ticker: Ticker): Narrator {
  const paint = painter(output.color)
  let stop: (() => void) | undefined
  const line = (text: string) => output.write(`${text}\n`)

  return {
    begin(target) {
      line(`A tour of FinCode's API as an integrator sees it: ${target}`)
      line('')
    },
    stepStarted(step) {
      if (!output.terminal) return
      const started = clock()
      let frame = 0
      const draw = () => {
        const mark = frames[frame % frames.length] ?? ''
        frame += 1
        const text = `${step.id}  ${step.title}`.slice(0, Math.max(0, output.columns - 14))
        output.write(`\r\x1b[K${paint.dim(mark)} ${text} ${paint.dim(seconds(clock() - started))}`)
      }
      draw()
      const cancel = ticker.start(draw, 100)
      stop = () => {
        cancel()
        output.write('\r\x1b[K')
      }
    },
    stepEnded(result) {
      stop?.()
      stop = undefined
      const { step, outcome } = result
      const title = `${step.id}  ${step.title}`
      if (outcome === 'passed') line(`${paint.green('ok')}    ${title} ${paint.dim(`(${seconds(result.ms)})`)}`)
      else if (outcome === 'skipped') line(`${paint.dim(`skip  ${title}: ${result.reason}`)}`)
      else line(`${paint.red('FAIL')}  ${title}`)
      for (const fact of result.facts) line(`          ${paint.dim(fact)}`)
      if (outcome !== 'failed') return
      const { what, expected, actual, requestId } = result.failure
      line(`          ${what}`)
      line(`            expected  ${expected}`)
      line(`            actual    ${actual}`)
      line(`            request   ${requestId ?? 'none was answered'}`)
    },
    end({ outcome, passed, skipped, ms }) {
      stop?.()
      stop = undefined
      const counts = `${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}${outcome === 'failed' ? ', 1 failed' : ''}`
      const ending = { passed: 'The tour is complete', failed: 'The tour ended early', interrupted: 'Interrupted' }
      line('')
      line(`${ending[outcome]}: ${counts} in ${seconds(ms)}.`)
    },
  }
}

/** One JSON object a line: `{"type":"step",…}` for each step, `{"type":"tour",…}` at the end. */
export function jsonNarrator(output: Pick<Output, 'write'>): Narrator {
  const line = (value: object) => output.write(`${JSON.stringify(value)}\n`)
  return {
    begin: (target) => line({ type: 'begin', target }),
    stepStarted: () => undefined,
    stepEnded({ step, ...result }) {
      line({ type: 'step', step: step.id, title: step.title, ...result, ms: Math.round(result.ms) })
    },
    end: (summary) => line({ type: 'tour', ...summary, ms: Math.round(summary.ms) }),
  }
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

const seconds = (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)

function painter(color: boolean) {
  const paint = (open: number, close: number) => (text: string) => (color ? `\x1b[${open}m${text}\x1b[${close}m` : text)
  return { dim: paint(2, 22), green: paint(32, 39), red: paint(31, 39) }
}
