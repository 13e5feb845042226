// What does a key cost, and is looking one up among a million slower than among a thousand?
import assert from 'node:assert/strict'
import { createTokenCache, customGrant, type TokenHandle } from '@coffer/token-cache'

const keys = 1_000_000
const identity = { kind: 'bench', issuer: 'https://issuer.example', subject: 'client' }
let issued = 0
const request = async () => {
  issued += 1
  return { access_token: `t${issued}`, expires_in: 3_600 }
}
const { gc } = globalThis
assert.ok(gc, 'run with --expose-gc')

async function filled(count: number): Promise<ReturnType<typeof createTokenCache>> {
  const tokens = createTokenCache({ grant: customGrant({ identity, request }), max: count })
  for (let from = 0; from < count; from += 1_000) {
    await Promise.all(
      Array.from({ length: Math.min(1_000, count - from) }, (_, index) => tokens.get({ scope: `s${from + index}` })),
    )
  }
  assert.equal(tokens.stats().size, count)
  return tokens
}

/** Nanoseconds of a peek through handles that are visited in an order no cache line helps with. */
function peekTime(handles: readonly TokenHandle[]): number {
  const order = Array.from({ length: 200_000 }, (_, index) => handles[(index * 7_919) % handles.length])
  const times: number[] = []
  for (let round = 0; round < 9; round += 1) {
    const start = process.hrtime.bigint()
    for (const handle of order) if (handle?.peek() === undefined) throw new Error('not held')
    times.push(Number(process.hrtime.bigint() - start) / order.length)
  }
  return times.sort((a, b) => a - b)[4] ?? Number.NaN
}

const few = await filled(1_000)
const fewTime = peekTime(Array.from({ length: 1_000 }, (_, index) => few.for({ scope: `s${index}` })))

gc()
const before = process.memoryUsage()
const many = await filled(keys)
gc()
const after = process.memoryUsage()
const used = after.heapUsed - before.heapUsed + (after.arrayBuffers - before.arrayBuffers)
// The texts themselves: about 13 characters of key and 8 of token, each a V8 string of a 16-byte head and padding.
const textBytes = 2 * 32
const bytes = used / keys - textBytes
const manyTime = peekTime(Array.from({ length: 1_000 }, (_, index) => many.for({ scope: `s${index * 997}` })))

assert.equal(many.stats().evicted, 0)
console.log(
  JSON.stringify({ bench: `bytes per key at ${keys} keys, beyond its texts`, ratio: bytes, target: '<= 300' }),
)
console.log(
  JSON.stringify({
    bench: 'peek() among a million keys, against a thousand',
    ours_ns: manyTime,
    peer: 'a thousand keys',
    peer_ns: fewTime,
    ratio: manyTime / fewTime,
    target: '<= 2',
  }),
)
