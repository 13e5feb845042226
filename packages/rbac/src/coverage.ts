import type { Resource } from './model.js'
import { sameType, type ValueType } from './value.js'
import type { Vocabulary } from './vocabulary.js'

/** What the resources of a pattern have in common in one attribute. */
export interface Shared {
  /** The first resource that does not declare it; `undefined` if all do. */
  readonly lacking: Resource | undefined
  /** The first one that declares it without a mask; looked for up to the one that lacks it. */
  readonly unmasked: Resource | undefined
  /** Its type; `undefined` if not every resource declares it, or not all alike. */
  readonly type: ValueType | undefined
}

/**
 * The resources that a pattern covers. Each attribute is looked for once, however many rules name the pattern: a
 * wildcard may stand for tens of thousands of resources, and a policy may have a million rules.
 */
export class Coverage {
  readonly #resources: readonly Resource[]
  readonly #shared = new Map<string, Shared>()

  constructor(resources: readonly Resource[]) {
    this.#resources = resources
  }

  attribute(name: string): Shared {
    let shared = this.#shared.get(name)
    if (shared === undefined) {
      shared = this.#look(name)
      this.#shared.set(name, shared)
    }
    return shared
  }

  #look(name: string): Shared {
    let unmasked: Resource | undefined
    let type: ValueType | undefined
    let isAlike = true
    for (const resource of this.#resources) {
      const attribute = resource.attributes.get(name)
      if (attribute === undefined) return { lacking: resource, unmasked, type: undefined }
      if (attribute.mask === undefined) unmasked ??= resource
      type ??= attribute.type
      isAlike &&= sameType(type, attribute.type)
    }
    return { lacking: undefined, unmasked, type: isAlike ? type : undefined }
  }
}

/** The coverages of the patterns of one policy. */
export class Coverages {
  readonly #vocabulary: Vocabulary
  readonly #byPattern = new Map<number, Coverage>()
  /** Of patterns that stay within one resource, which share its coverage. */
  readonly #byResource = new Map<Resource, Coverage>()

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
  }

  /** What these patterns cover, each coverage once. */
  of(patterns: readonly number[]): readonly Coverage[] {
    return [...new Set(patterns.map((pattern) => this.#ofPattern(pattern)))]
  }

  #ofPattern(pattern: number): Coverage {
    let coverage = this.#byPattern.get(pattern)
    if (coverage === undefined) {
      coverage = this.#make([
        ...new Set(this.#vocabulary.ids(pattern).flatMap((id) => this.#vocabulary.resources[id] ?? [])),
      ])
      this.#byPattern.set(pattern, coverage)
    }
    return coverage
  }

  #make(resources: readonly Resource[]): Coverage {
    const [first, second] = resources
    if (first === undefined || second !== undefined) return new Coverage(resources)
    let coverage = this.#byResource.get(first)
    if (coverage === undefined) {
      coverage = new Coverage(resources)
      this.#byResource.set(first, coverage)
    }
    return coverage
  }
}
