import { defineConfig, mergeConfig } from 'vitest/config'
import { shared } from '../../vitest.shared.js'

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      name: 'demo-api',
      // Each app under test is made from what it is given; loading it anew for every file took a minute.
      isolate: false,
      globalSetup: ['test/platform/snapshot.ts'],
      // A test that starts an API of its own waits for PostgreSQL in WebAssembly, which a busy machine makes slow.
      testTimeout: 60_000,
      hookTimeout: 180_000,
    },
  }),
)
