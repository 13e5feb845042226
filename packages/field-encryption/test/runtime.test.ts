import { test } from 'vitest'
import { facts } from './runtime/facts.js'

test.each(Object.entries(facts))('%s', async (_name, fact) => {
  await fact()
})
