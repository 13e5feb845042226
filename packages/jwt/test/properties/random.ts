/** A generator that a printed seed repeats. `COFFER_SEED` overrides the seed, `COFFER_DEEP` the counts. */
export interface Random {
  readonly seed: number
  next(): number
  int(below: number): number
  pick<T>(list: readonly T[]): T
  chance(probability: number): boolean
}

const { COFFER_SEED, COFFER_DEEP } = process.env

export const isDeep: boolean = COFFER_DEEP === '1'

export function seeded(
  name: string,
  seed: number = COFFER_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(COFFER_SEED),
): Random {
  console.log(`${name}: COFFER_SEED=${seed}`)
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const int = (below: number): number => Math.floor(next() * below)
  return {
    seed,
    next,
    int,
    pick: (list) => {
      const found = list[int(list.length)]
      if (found === undefined && list.length === 0) throw new Error('nothing to pick from')
      return found as (typeof list)[number]
    },
    chance: (probability) => next() < probability,
  }
}
