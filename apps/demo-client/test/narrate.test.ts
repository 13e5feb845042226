import { describe, expect, it } from 'vitest'
import { jsonNarrator, type Output, outputOf, proseNarrator, type Ticker } from '../src/tour/narrate.js'
import type { StepResult } from '../src/tour/run.js'

const eraseLine = '\r\x1b[K'

const step = { id: '09-card', title: 'A card is its BIN and last 4' }
const passed: StepResult = { step, ms: 12.4, facts: ['sent 16 digits', 'got 6 and 4'], outcome: 'passed' }
const skipped: StepResult = { step, ms: 0, facts: [], outcome: 'skipped', reason: 'needs the database' }
const failed: StepResult = {
  step,
  ms: 1500,
  facts: ['sent 16 digits'],
  outcome: 'failed',
  failure: { what: 'digits shown', expected: '10', actual: '16', requestId: 'req_1' },
}

function recorder(output: Partial<Output> = {}) {
  let text = ''
  const write = (more: string) => {
    text += more
  }
  return { output: { terminal: false, color: false, columns: 80, ...output, write }, text: () => text }
}

/** Runs the ticks by hand. */
function manualTicker() {
  const running = new Set<() => void>()
  const ticker: Ticker = {
    start(run) {
      running.add(run)
      return () => running.delete(run)
    },
  }
  return { ticker, running, tick: () => [...running].map((run) => run()) }
}

describe('prose', () => {
  it('outside a terminal is plain lines: no escape sequence, no mark drawn twice', () => {
    const { output, text } = recorder()
    const { ticker, running } = manualTicker()
    const narrator = proseNarrator(output, () => 0, ticker)
    narrator.stepStarted(step)
    expect(running.size).toBe(0)
    narrator.stepEnded(passed)
    narrator.stepEnded(skipped)
    expect(text().split('\n')).toEqual([
      'ok    09-card  A card is its BIN and last 4 (12 ms)',
      '          sent 16 digits',
      '          got 6 and 4',
      'skip  09-card  A card is its BIN and last 4: needs the database',
      '',
    ])
  })

  it('a failure shows the two values that differ and the request to look up', () => {
    const { output, text } = recorder()
    proseNarrator(output, () => 0, manualTicker().ticker).stepEnded(failed)
    expect(text().split('\n').slice(0, 6)).toEqual([
      'FAIL  09-card  A card is its BIN and last 4',
      '          sent 16 digits',
      '          digits shown',
      '            expected  10',
      '            actual    16',
      '            request   req_1',
    ])
  })

  it('on a terminal the mark runs with the time, is erased at the end, and nothing ticks afterwards', () => {
    const { output, text } = recorder({ terminal: true, columns: 60 })
    const { ticker, running, tick } = manualTicker()
    let now = 0
    const narrator = proseNarrator(output, () => now, ticker)
    narrator.stepStarted(step)
    now = 2_300
    tick()
    expect(text().split(eraseLine)).toEqual(['', `⠋ 09-card  ${step.title} 0 ms`, `⠙ 09-card  ${step.title} 2.3 s`])
    narrator.stepEnded(passed)
    expect(running.size).toBe(0)
    expect(text()).toContain(`${eraseLine}ok    09-card`)
  })

  it('a title longer than the terminal is cut while the mark runs, because a wrapped line cannot be erased', () => {
    const { output, text } = recorder({ terminal: true, columns: 30 })
    const { ticker } = manualTicker()
    proseNarrator(output, () => 0, ticker).stepStarted({ id: '09-card', title: 'x'.repeat(200) })
    expect(text().replaceAll(eraseLine, '').length).toBeLessThanOrEqual(30)
  })

  it('colours only where asked', () => {
    const plain = recorder({ terminal: true })
    const colored = recorder({ terminal: true, color: true })
    for (const { output } of [plain, colored]) proseNarrator(output, () => 0, manualTicker().ticker).stepEnded(passed)
    expect(plain.text()).not.toContain('\x1b')
    expect(colored.text()).toContain('\x1b[32mok\x1b[39m')
  })
})

describe('what can be drawn', () => {
  const stream = { write: (): boolean => true, isTTY: true, columns: 120 }
  it.each([
    ['a terminal', stream, {}, true, true],
    ['a terminal with NO_COLOR', stream, { NO_COLOR: '1' }, true, false],
    ['a terminal with an empty NO_COLOR', stream, { NO_COLOR: '' }, true, true],
    ['a dumb terminal', stream, { TERM: 'dumb' }, false, false],
    ['a pipe', { write: stream.write }, {}, false, false],
  ])('%s', (_, given, environment, terminal, color) => {
    expect(outputOf(given, environment)).toMatchObject({ terminal, color })
  })

  it('a terminal that does not know its size has 80 columns', () => {
    expect(outputOf({ ...stream, columns: 0 }, {}).columns).toBe(80)
    expect(outputOf({ write: stream.write }, {}).columns).toBe(80)
    expect(outputOf({ ...stream, columns: 1 }, {}).columns).toBe(1)
  })
})

describe('JSON', () => {
  it('is one object a line, with the failure whole', () => {
    const { output, text } = recorder()
    const narrator = jsonNarrator(output)
    narrator.begin('an API')
    narrator.stepStarted(step)
    narrator.stepEnded(passed)
    narrator.stepEnded(failed)
    narrator.end({ outcome: 'failed', passed: 1, skipped: 0, ms: 1512.4 })
    const lines = text().trimEnd().split('\n')
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([
      { type: 'begin', target: 'an API' },
      { type: 'step', step: '09-card', title: step.title, ms: 12, facts: passed.facts, outcome: 'passed' },
      {
        type: 'step',
        step: '09-card',
        title: step.title,
        ms: 1500,
        facts: failed.facts,
        outcome: 'failed',
        failure: { what: 'digits shown', expected: '10', actual: '16', requestId: 'req_1' },
      },
      { type: 'tour', outcome: 'failed', passed: 1, skipped: 0, ms: 1512 },
    ])
  })
})
