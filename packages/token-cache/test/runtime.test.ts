import { describe, test } from 'vitest'
import { facts } from './runtime/facts.js'

// The same facts run, as a bundle without node:, on other Nodes, Bun, Deno, workerd and Chromium: check-runtimes.mjs.
describe('on every runtime', () => {
  test.each(Object.entries(facts))('%s', async (_, holds) => {
    await holds()
  })
})
