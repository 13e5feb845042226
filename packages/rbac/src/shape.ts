import type { Issues } from './issues.js'
import { isList, isObject, nearest } from './issues.js'
import { at } from './json.js'
import type { Json, JsonObject } from './snapshot.js'

const NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const EMPTY: JsonObject = Object.freeze(Object.create(null))

/** Names are ASCII, so that no look-alike letter and no `__proto__` can be one. */
export function isName(text: string): boolean {
  return NAME.test(text)
}

/** Reads the structure of a document; everything that is not as it has to be is an issue, and nothing is ignored. */
export class Shape {
  readonly issues: Issues
  readonly #choices = new Map<string, ReadonlySet<string>>()

  constructor(issues: Issues) {
    this.issues = issues
  }

  /** An object with these keys only. */
  object(
    json: Json | undefined,
    pointer: string,
    required: readonly string[],
    optional: readonly string[],
  ): JsonObject {
    if (!isObject(json)) {
      this.#type(pointer, 'an object')
      return EMPTY
    }
    for (const key of Object.keys(json))
      if (!required.includes(key) && !optional.includes(key))
        this.issues.add(
          'key-unknown',
          at(pointer, key),
          `${JSON.stringify(key)} is not a key here`,
          nearest(key, [...required, ...optional]),
        )
    for (const key of required)
      if (!(key in json))
        this.issues.add(key === 'id' ? 'id-missing' : 'required-missing', pointer, `${key} is missing`, `add ${key}`)
    return json
  }

  /** The entries of an object whose keys are names. */
  entries(json: Json | undefined, pointer: string): readonly (readonly [name: string, value: Json, pointer: string])[] {
    const object = isObject(json) ? json : EMPTY
    return this.names(json, pointer).map((key) => [key, object[key] ?? null, at(pointer, key)])
  }

  /** The keys of an object that are names, as all of them have to be. */
  names(json: Json | undefined, pointer: string): readonly string[] {
    if (isObject(json)) return Object.keys(json).filter((key) => isName(key) || this.name(key, at(pointer, key)))
    if (json !== undefined) this.#type(pointer, 'an object')
    return []
  }

  list(json: Json | undefined, pointer: string, what: string, atLeast: number, atMost: number): readonly Json[] {
    if (json === undefined) return []
    if (!isList(json) || json.length < atLeast) {
      this.#type(pointer, atLeast > 0 ? `a list of ${what} that is not empty` : `a list of ${what}`)
      return []
    }
    if (json.length > atMost) {
      this.issues.add('limit-exceeded', pointer, `too many ${what}`, `at most ${atMost}`)
      return []
    }
    return json
  }

  /** The texts of a list, each with the maker of its pointer, which is made only where it is wrong. */
  texts(
    json: Json | undefined,
    pointer: string,
    what: string,
    atLeast: number,
    atMost: number,
  ): readonly (readonly [text: string, place: () => string])[] {
    const result: (readonly [string, () => string])[] = []
    this.eachText(this.list(json, pointer, what, atLeast, atMost), pointer, (text, index) =>
      result.push([text, () => at(pointer, index)]),
    )
    return result
  }

  /** Visits the texts of a list; whatever else is in it is an issue. */
  eachText(list: readonly Json[], pointer: string, visit: (text: string, index: number) => void): void {
    for (let index = 0; index < list.length; index++) {
      const entry = list[index]
      if (typeof entry === 'string') visit(entry, index)
      else this.#type(at(pointer, index), 'a text')
    }
  }

  text(json: Json | undefined, pointer: string, atMost: number): string {
    if (typeof json === 'string' && json.length > 0 && json.length <= atMost) return json
    if (json !== undefined) this.#type(pointer, `a text of 1 to ${atMost} characters`)
    return ''
  }

  /** An optional `description`: free text. */
  description(json: JsonObject, pointer: string): void {
    const value = json['description']
    if (value !== undefined && typeof value !== 'string') this.#type(at(pointer, 'description'), 'a text')
  }

  count(json: Json | undefined, pointer: string): number {
    if (Number.isSafeInteger(json) && Number(json) >= 1) return Number(json)
    if (json !== undefined) this.#type(pointer, 'a whole number of at least 1')
    return 1
  }

  /** One of a closed list of texts; `undefined` where it is absent or wrong. */
  oneOf<const T extends string>(json: Json | undefined, pointer: string, choices: readonly T[]): T | undefined {
    const found = choices.find((choice) => choice === json)
    if (found === undefined && json !== undefined) this.#type(pointer, `one of ${choices.join(', ')}`)
    return found
  }

  /** These texts as a set: one object for the same texts in any order, because every rule that compares asks for that. */
  choice(texts: readonly string[]): ReadonlySet<string> {
    const key = JSON.stringify([...texts].sort())
    const choice = this.#choices.get(key) ?? new Set(texts)
    this.#choices.set(key, choice)
    return choice
  }

  name(text: string, pointer: string): boolean {
    if (isName(text)) return true
    this.issues.add('name-invalid', pointer, 'not a name', 'a letter, then at most 63 letters, digits, _ . -')
    return false
  }

  #type(pointer: string, expected: string): void {
    this.issues.add('value-type', pointer, `has to be ${expected}`, `write ${expected}`)
  }
}
