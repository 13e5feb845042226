import { type AlgorithmSpec, algorithmSpecs, checkAlgorithm } from './algorithms.js'
import { assertMembers, checkInteger, checkText } from './check-options.js'
import { type KeySource, type KeySourceState, keySource } from './key-source.js'
import type { IssuerOptions } from './options.js'
import { accessTokenProfile, type Profile, type ProfileRules, profileRules, type Relaxable } from './profile.js'
import type { StandardSchema } from './standard-schema.js'

/** One issuer's rules, checked and copied. */
export interface Policy {
  readonly issuer: string
  readonly audience: ReadonlySet<string> | null
  /** By the name a header may give it, aliases included. */
  readonly algorithms: ReadonlyMap<string, AlgorithmSpec>
  readonly keys: KeySourceState
  readonly rules: ProfileRules
  /** Whether a JWT of another kind could pass by its header alone. */
  readonly acceptsOtherTypes: boolean
  readonly schema: StandardSchema | undefined
  readonly maxLifetime: number
  readonly clockTolerance: number
}

/** The issuers of a verifier, by `iss`. */
export type PolicyTable = ReadonlyMap<string, Policy>

const known = ['issuer', 'audience', 'algorithms', 'keys', 'profile', 'claims', 'maxLifetime', 'clockTolerance']

/** Checks a list of issuers whole: one fault, and there is no table. */
export function readIssuers(issuers: unknown): PolicyTable {
  if (!Array.isArray(issuers) || issuers.length === 0) throw new TypeError('issuers must be a non-empty list')
  if (issuers.length > 1_000) throw new RangeError('issuers must be at most 1000')
  const table = new Map<string, Policy>()
  for (const options of issuers as readonly IssuerOptions[]) {
    const policy = readIssuer(options)
    if (table.has(policy.issuer)) throw new TypeError('issuers must name each issuer once')
    table.set(policy.issuer, policy)
  }
  return table
}

function readIssuer(options: IssuerOptions): Policy {
  assertMembers(options, 'issuers[]', known)
  const { profile = accessTokenProfile, claims, maxLifetime = 3_600, clockTolerance = 5 } = options
  const rules = readProfile(profile)
  const audience = readAudience(options.audience)
  const acceptsOtherTypes = rules.typ.has('JWT') || rules.typ.has('absent')
  if (audience !== null && rules.allowMissing.has('aud')) {
    throw new TypeError("issuers[].profile: a missing 'aud' needs audience: null")
  }
  if (audience === null && acceptsOtherTypes && claims === undefined) {
    throw new TypeError("issuers[].profile: typ 'JWT' or 'absent' beside audience: null needs a claims schema")
  }
  return Object.freeze({
    issuer: checkText(options.issuer, 'issuers[].issuer', 512),
    audience,
    algorithms: readAlgorithms(options.algorithms),
    keys: readKeySource(options.keys),
    rules,
    acceptsOtherTypes,
    schema: readSchema(claims),
    maxLifetime: checkInteger(maxLifetime, 'issuers[].maxLifetime', 1, 86_400),
    clockTolerance: checkInteger(clockTolerance, 'issuers[].clockTolerance', 0, 120),
  })
}

function readAudience(audience: unknown): ReadonlySet<string> | null {
  if (audience === null) return null
  const list: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  if (list.length === 0) throw new TypeError('issuers[].audience must name an audience, or be null')
  return new Set(list.map((one) => checkText(one, 'issuers[].audience', 2_048)))
}

function readAlgorithms(algorithms: unknown): ReadonlyMap<string, AlgorithmSpec> {
  if (!Array.isArray(algorithms) || algorithms.length === 0) {
    throw new TypeError('issuers[].algorithms must be a non-empty list')
  }
  const specs = new Set(algorithms.map((one: unknown) => checkAlgorithm(one, 'issuers[].algorithms')))
  return new Map([...algorithmSpecs].filter(([, spec]) => specs.has(spec)))
}

function readKeySource(keys: unknown): KeySourceState {
  if (typeof keys !== 'object' || keys === null || !(keySource in keys)) {
    throw new TypeError('issuers[].keys must be a key source: staticKeys, remoteKeys or a key ring')
  }
  return (keys as KeySource)[keySource]
}

function readProfile(profile: unknown): ProfileRules {
  if (typeof profile !== 'object' || profile === null || !(profileRules in profile)) {
    throw new TypeError('issuers[].profile must come from relaxedAccessToken')
  }
  return (profile as Profile<Relaxable>)[profileRules]
}

function readSchema(schema: unknown): StandardSchema | undefined {
  if (schema === undefined) return undefined
  const holder = (typeof schema === 'object' && schema !== null) || typeof schema === 'function' ? schema : undefined
  const standard: unknown = holder === undefined ? undefined : Reflect.get(holder, '~standard')
  if (typeof standard !== 'object' || standard === null || typeof Reflect.get(standard, 'validate') !== 'function') {
    throw new TypeError('issuers[].claims must be a Standard Schema')
  }
  return schema as StandardSchema
}
