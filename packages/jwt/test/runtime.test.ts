import { test } from 'vitest'
import { facts } from './runtime/facts.js'

test.each(Object.keys(facts).filter((name) => !name.includes('RS256')))('%s', async (name) => {
  await facts[name]?.()
})
