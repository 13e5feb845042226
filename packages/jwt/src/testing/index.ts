/**
 * An issuer for tests, and tokens to attack your own middleware with. Nothing of it is fit for production.
 *
 * @module
 */
export { type FakeClock, fakeClock } from './fake-clock.js'
export { type FakeIssuer, type FakeIssuerOptions, fakeIssuer, type Outage } from './fake-issuer.js'
export type { HostileToken } from './hostile/forge.js'
export { type HostilePolicy, hostileTokens } from './hostile/hostile-tokens.js'
export { type CheckedStore, checkRefreshStore } from './refresh-store-contract.js'
export { type VerifyJwsOptions, verifyJws } from './verify-jws.js'
