import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A vitest reporter that writes what a run counted to `.vitest/summary.json` of its package,
 * where `scripts/test.mjs` adds it up. A cached run replays the file with the output.
 */
// biome-ignore lint/style/noDefaultExport: vitest loads reporters by their default export
export default class SummaryReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const summary = { passed: 0, failed: unhandledErrors.length, skipped: [], flaky: [] }
    for (const module of modules) {
      summary.failed += module.errors().length
      for (const test of module.children.allTests()) {
        const { state, note } = test.result()
        if (test.diagnostic()?.flaky) summary.flaky.push(test.fullName)
        if (state === 'passed') summary.passed += 1
        else if (state === 'failed') summary.failed += 1
        else summary.skipped.push(note ?? test.fullName)
      }
    }
    mkdirSync('.vitest', { recursive: true })
    writeFileSync(join('.vitest', 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`)
  }
}
