/**
 * An issuer without network, for tests of code that uses this package. Time comes from `@coffer/lease/testing`.
 *
 * @module
 */
export {
  createFakeIssuer,
  type FakeIssuer,
  type FakeIssuerCounts,
  type FakeIssuerOptions,
  type SeenRequest,
} from './fake-issuer.js'
export type { Fault } from './faults.js'
export { type KillPoint, killPointStore } from './kill-points.js'
