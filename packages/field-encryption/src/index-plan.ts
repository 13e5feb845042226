import { paddingHidesLength } from './frame.js'
import { checkInteger, checkOptions } from './options.js'
import type { TableSpec } from './table-spec.js'

export type PlanWarning =
  /** 2^bits >= X / 2: nearly every token stands for one value. */
  | 'bits-identify-the-value'
  /** 2^bits <= √X: most rows that match are not the value. */
  | 'bits-too-few'
  /** X < 16: the tokens' frequencies give the values away. */
  | 'population-too-small'
  | 'deterministic-equality'
  | 'tenant-not-bound'
  | 'row-not-bound'
  | 'length-visible'
  | 'nulls-visible'
  /** More than 3 keys may still decrypt, and a query needs a token for each. */
  | 'many-live-versions'

export interface PlanEntry {
  readonly name: string
  readonly kind: 'index' | 'deterministic'
  readonly bits: number
  /** Distinct values, as given; null when nothing was given for this name. */
  readonly population: number | null
  /** Values that share a token with one that is asked for: X / 2^bits. */
  readonly expectedMatches: number | null
  /** That any two values share a token: X² / 2^(bits + 1), at most 1. */
  readonly collisionProbability: number | null
  readonly warnings: readonly PlanWarning[]
}

const syntheticBits = 128
const fewVersions = 3

/** What each searchable name gives away, for populations of distinct values. Warns and never refuses. */
export function planTable(
  spec: TableSpec,
  liveVersions: number,
  populations: Readonly<Record<string, number>>,
): readonly PlanEntry[] {
  const deterministic = [...spec.columns.values()].filter((column) => column.suite === 3)
  const names = [...spec.indexes.map(({ name }) => name), ...deterministic.map(({ property }) => property)]
  checkOptions('plan', populations, names)
  const general: PlanWarning[] = []
  if (spec.tenant === null) general.push('tenant-not-bound')
  if (spec.row === null) general.push('row-not-bound')
  if (liveVersions > fewVersions) general.push('many-live-versions')

  const indexes = spec.indexes.map(({ name, bits, parts }): PlanEntry => {
    const population = populationOf(name, populations)
    const columns = parts.map((part) => part.settings)
    const visible = visibleIn(columns)
    return entry(name, 'index', bits, population, [
      ...bitsWarnings(bits, population),
      ...smallWarning(population),
      ...visible,
      ...general,
    ])
  })
  const columns = deterministic.map(({ property, settings }): PlanEntry => {
    const population = populationOf(property, populations)
    const warnings = [
      'deterministic-equality' as const,
      ...smallWarning(population),
      ...visibleIn([settings]),
      ...general,
    ]
    return entry(property, 'deterministic', syntheticBits, population, warnings)
  })
  return Object.freeze([...indexes, ...columns])
}

function populationOf(name: string, populations: Readonly<Record<string, number>>): number | null {
  const given = Object.hasOwn(populations, name) ? populations[name] : undefined
  return given === undefined ? null : checkInteger(`plan ${name}`, given, 1, Number.MAX_SAFE_INTEGER)
}

function entry(
  name: string,
  kind: PlanEntry['kind'],
  bits: number,
  population: number | null,
  warnings: readonly PlanWarning[],
): PlanEntry {
  const tokens = 2 ** bits
  return Object.freeze({
    name,
    kind,
    bits,
    population,
    expectedMatches: population === null ? null : population / tokens,
    collisionProbability: population === null ? null : Math.min(1, (population / tokens) * (population / 2)),
    warnings: Object.freeze(warnings),
  })
}

function bitsWarnings(bits: number, population: number | null): readonly PlanWarning[] {
  if (population === null) return []
  const tokens = 2 ** bits
  if (tokens >= population / 2) return ['bits-identify-the-value']
  return tokens <= Math.sqrt(population) ? ['bits-too-few'] : []
}

function smallWarning(population: number | null): readonly PlanWarning[] {
  return population !== null && population < 16 ? ['population-too-small'] : []
}

function visibleIn(columns: readonly Parameters<typeof paddingHidesLength>[0][]): readonly PlanWarning[] {
  const warnings: PlanWarning[] = []
  if (columns.some((column) => !paddingHidesLength(column))) warnings.push('length-visible')
  if (columns.some((column) => !column.hidesNull)) warnings.push('nulls-visible')
  return warnings
}
