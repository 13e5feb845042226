import { do_not_optimize } from 'mitata'

const warmMs = 700

/** Median nanoseconds a call of each, taken in turns, so that a busy machine slows both sides alike. */
export async function paired(
  ours: () => unknown,
  peer: () => unknown,
  options: { readonly rounds?: number; readonly roundMs?: number } = {},
): Promise<{ readonly ours_ns: number; readonly peer_ns: number; readonly ratio: number }> {
  // Short rounds: a preempted one is an outlier that the median drops.
  const { rounds = 800, roundMs = 1 } = options
  const sides = [ours, peer]
  const calls = [await calibrate(ours, roundMs), await calibrate(peer, roundMs)]
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const work = sides[side]
      if (work !== undefined) times[side === 0 ? 0 : 1].push(await time(work, calls[side] ?? 1))
    }
  }
  const [ours_ns, peer_ns] = [median(times[0]), median(times[1])]
  // The median of the rounds' own ratios: each compares two neighbours in time.
  const ratio = median(times[0].map((ns, i) => (times[1][i] ?? ns) / ns))
  return { ours_ns, peer_ns, ratio }
}

/** Runs until the compiler has had its time, then answers how many calls fill a round. */
async function calibrate(work: () => unknown, roundMs: number): Promise<number> {
  const until = performance.now() + warmMs
  let calls = 1
  let ns = await time(work, calls)
  while (performance.now() < until) {
    calls = Math.max(1, Math.round(2e7 / ns))
    ns = await time(work, calls)
  }
  return Math.max(1, Math.round((roundMs * 1e6) / ns))
}

async function time(work: () => unknown, calls: number): Promise<number> {
  const start = process.hrtime.bigint()
  for (let i = 0; i < calls; i++) {
    const result = work()
    do_not_optimize(result instanceof Promise ? await result : result)
  }
  return Number(process.hrtime.bigint() - start) / calls
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
