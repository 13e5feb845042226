import { fileURLToPath } from 'node:url'
import type { ViteUserConfig } from 'vitest/config'

/** Every room runs its tests with the same conditions: siblings resolve to their source, so no build is needed. */
const conditions = ['@coffer/source', 'module', 'node', 'development|production']

export const shared: ViteUserConfig = {
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', fileURLToPath(new URL('./scripts/vitest-summary.mjs', import.meta.url))],
    testTimeout: 20_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // CI tries a failed test once more and names it: what holds only then is to be mended, not hidden.
    retry: process.env['CI'] ? 1 : 0,
  },
}
