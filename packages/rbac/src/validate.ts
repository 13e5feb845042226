import { readCondition } from './condition.js'
import { type Coverage, Coverages } from './coverage.js'
import { type Issues, isObject } from './issues.js'
import { at } from './json.js'
import type { Cardinality, Model, Rule, SeparationOfDuty } from './model.js'
import { readTest } from './policy-test.js'
import { MASKS, readResource, readType } from './resource.js'
import { type RoleTable, RowsBuilder } from './role-table.js'
import { Shape } from './shape.js'
import type { Json, JsonObject } from './snapshot.js'
import { NO_MEMBERS, type ValueType } from './value.js'
import { Vocabulary } from './vocabulary.js'

const MAX_PERMISSIONS = 65_536
const MAX_ROLES = 200_000
const MAX_RULES = 2_000_000
const MAX_LIST = 1000
const MAX_CONSTRAINTS = 1000
const MAX_MEMBERS = 64
const NO_KEYS: readonly string[] = []
const ROLE_KEYS: readonly string[] = ['inherits', 'permit', 'scope', 'description']
const BUILT_IN = { kind: 'id', members: NO_MEMBERS, optional: true, list: false } as const
/** Attributes that every policy has. */
const SUBJECT_BUILT_IN: readonly (readonly [string, ValueType])[] = [
  ['id', BUILT_IN],
  ['tenant', BUILT_IN],
  ['assurance', { ...BUILT_IN, kind: 'int' }],
]
const CONTEXT_BUILT_IN: readonly (readonly [string, ValueType])[] = [['now', { ...BUILT_IN, kind: 'timestamp' }]]

/** Turns a snapshot into a model; what is wrong is reported, and the model is of use only if nothing was. */
export function validate(document: Json, issues: Issues): { readonly model: Model; readonly vocabulary: Vocabulary } {
  return new Validator(issues).document(document)
}

class Validator {
  readonly #issues: Issues
  readonly #shape: Shape
  readonly #ids = new Set<string>()
  #rules = 0
  #edges = 0
  #subject: ReadonlyMap<string, ValueType> = new Map()
  #context: ReadonlyMap<string, ValueType> = new Map()
  #slots: ReadonlyMap<string, number> = new Map()
  #vocabulary = new Vocabulary(new Map())
  #coverages = new Coverages(this.#vocabulary)

  constructor(issues: Issues) {
    this.#issues = issues
    this.#shape = new Shape(issues)
  }

  document(json: Json): { readonly model: Model; readonly vocabulary: Vocabulary } {
    const optional = ['$schema', 'description', 'subject', 'context', 'deny', 'ceilings', 'constraints', 'tests']
    const root = this.#shape.object(json, '', ['policy', 'version', 'resources', 'roles'], optional)
    const name = this.#shape.text(root['policy'], '/policy', 64)
    const version = this.#shape.text(root['version'], '/version', 64)
    this.#shape.description(root, '')
    if (root['$schema'] !== undefined) this.#shape.text(root['$schema'], '/$schema', 2048)
    this.#subject = this.#inputs(root['subject'], '/subject', SUBJECT_BUILT_IN)
    this.#slots = new Map([...this.#subject.keys()].map((attribute, slot) => [attribute, slot]))
    this.#context = this.#inputs(root['context'], '/context', CONTEXT_BUILT_IN)
    const resources = new Map(
      this.#shape
        .entries(root['resources'], '/resources')
        .map(([key, value, pointer]) => [key, readResource(key, value, pointer, this.#shape)]),
    )
    this.#vocabulary = new Vocabulary(resources)
    this.#coverages = new Coverages(this.#vocabulary)
    if (this.#vocabulary.names.length > MAX_PERMISSIONS)
      this.#issues.add('limit-exceeded', '/resources', 'too many permissions', `at most ${MAX_PERMISSIONS}`)
    const roles = this.#roleTable(root['roles'])
    const deny = this.#shape
      .list(root['deny'], '/deny', 'rules', 0, MAX_RULES)
      .map((entry, index) => this.#deny(entry, at('/deny', index), roles.ids))
    const constraints = this.#shape
      .list(root['constraints'], '/constraints', 'constraints', 0, MAX_CONSTRAINTS)
      .flatMap((entry, index) => this.#constraint(entry, at('/constraints', index), roles.ids))
    if (this.#rules > MAX_RULES) this.#issues.add('limit-exceeded', '/roles', 'too many rules', `at most ${MAX_RULES}`)
    if (this.#edges > MAX_RULES)
      this.#issues.add('limit-exceeded', '/roles', 'too many inheritance edges', `at most ${MAX_RULES}`)
    const ceilings = this.#ceilings(root['ceilings'])
    const tests = this.#shape
      .list(root['tests'], '/tests', 'tests', 0, MAX_RULES)
      .map((entry, index) => readTest(entry, at('/tests', index), this.#shape, this.#subject))
    const { subject, context } = { subject: this.#subject, context: this.#context }
    return {
      model: { name, version, subject, context, resources, roles, deny, ceilings, constraints, tests },
      vocabulary: this.#vocabulary,
    }
  }

  #inputs(
    json: Json | undefined,
    pointer: string,
    builtIn: readonly (readonly [string, ValueType])[],
  ): ReadonlyMap<string, ValueType> {
    const types = new Map(builtIn)
    for (const [name, value, place] of this.#shape.entries(json, pointer)) {
      if (builtIn.some(([reserved]) => reserved === name))
        this.#issues.add('key-unknown', place, `${name} is always there`, 'remove it: it cannot be declared again')
      else types.set(name, readType(value, place, true, this.#shape))
    }
    return types
  }

  #roleTable(json: Json | undefined): RoleTable {
    const stated = this.#shape.names(json, '/roles')
    if (stated.length > MAX_ROLES)
      this.#issues.add('limit-exceeded', '/roles', 'too many roles', `at most ${MAX_ROLES}`)
    const names = Object.freeze([...stated].sort())
    const ids = new Map(names.map((name, id) => [name, id]))
    const table: RoleRows = {
      platform: new Uint8Array(names.length),
      juniors: new RowsBuilder(),
      patterns: new RowsBuilder(),
      places: new RowsBuilder(),
      rules: new Map(),
    }
    const object = isObject(json) ? json : {}
    for (const name of stated) this.#role(name, object[name] ?? null, ids, table)
    const { platform, juniors, patterns, places, rules } = table
    return {
      names,
      ids,
      platform,
      juniors: juniors.build(names.length),
      patterns: patterns.build(names.length),
      places: places.build(names.length),
      rules,
    }
  }

  #role(name: string, json: Json, ids: ReadonlyMap<string, number>, table: RoleRows): void {
    const id = ids.get(name) ?? -1
    const pointer = at('/roles', name)
    const object = this.#shape.object(json, pointer, NO_KEYS, ROLE_KEYS)
    this.#shape.description(object, pointer)
    this.#juniors(object['inherits'], at(pointer, 'inherits'), ids, table.juniors)
    table.juniors.end(id)
    const scope = object['scope']
    if (scope !== undefined && this.#shape.oneOf(scope, at(pointer, 'scope'), ['tenant', 'platform']) === 'platform')
      table.platform[id] = 1
    this.#permits(name, object['permit'], at(pointer, 'permit'), id, table)
    table.patterns.end(id)
    table.places.end(id)
  }

  #juniors(json: Json | undefined, pointer: string, ids: ReadonlyMap<string, number>, rows: RowsBuilder): void {
    this.#shape.eachText(this.#shape.list(json, pointer, 'roles', 0, MAX_ROLES), pointer, (text, index) => {
      const id = ids.get(text)
      this.#edges++
      if (id !== undefined) rows.push(id)
      else this.#unknownRole(text, at(pointer, index), ids)
    })
  }

  #permits(role: string, json: Json | undefined, pointer: string, id: number, table: RoleRows): void {
    const entries = this.#shape.list(json, pointer, 'permits', 0, MAX_RULES)
    const rules: Rule[] = []
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] ?? null
      this.#rules++
      if (typeof entry !== 'string') rules.push(this.#permit(role, entry, at(pointer, index)))
      else {
        const pattern = this.#vocabulary.number(entry)
        if (pattern < 0) {
          this.#unmatched(entry, at(pointer, index))
          continue
        }
        table.patterns.push(pattern)
      }
    }
    if (rules.length > 0) {
      table.rules.set(id, rules)
      entries.forEach((entry, index) => {
        if (typeof entry === 'string') table.places.push(index)
      })
    }
    if (table.patterns.hasTwins())
      this.#issues.add('duplicate-id', pointer, 'a pattern occurs twice in the role', 'list each once')
  }

  #roles(
    json: Json | undefined,
    pointer: string,
    known: ReadonlyMap<string, number>,
    atLeast: number,
    atMost: number,
  ): readonly string[] {
    return this.#shape.texts(json, pointer, 'roles', atLeast, atMost).flatMap(([text, place]) => {
      if (known.has(text)) return [text]
      this.#unknownRole(text, place(), known)
      return []
    })
  }

  #unknownRole(text: string, pointer: string, known: ReadonlyMap<string, number>): void {
    this.#issues.addUnknown('role-unknown', pointer, `no role ${JSON.stringify(text)}`, text, known.keys())
  }

  #permit(role: string, json: Json, pointer: string): Rule {
    const object = this.#shape.object(json, pointer, ['id', 'permission'], ['when', 'fields', 'masked'])
    return { ...this.#rule(object, pointer), effect: 'permit', role, roles: null }
  }

  #deny(json: Json, pointer: string, known: ReadonlyMap<string, number>): Rule {
    this.#rules++
    const object = this.#shape.object(json, pointer, ['id', 'permission'], ['roles', 'when', 'fields'])
    const bound = object['roles']
    const roles = bound === undefined ? null : this.#roles(bound, at(pointer, 'roles'), known, 1, MAX_LIST)
    return { ...this.#rule(object, pointer), effect: 'deny', role: null, roles }
  }

  #rule(object: JsonObject, pointer: string): Pick<Rule, 'id' | 'pointer' | 'patterns' | 'when' | 'fields' | 'masked'> {
    const patterns = this.#patterns(object['permission'], at(pointer, 'permission'))
    const resources = this.#coverages.of(patterns)
    const scope = { subject: this.#subject, context: this.#context, slots: this.#slots, resources }
    const when = object['when']
    return {
      id: this.#id(object['id'], pointer),
      pointer,
      patterns,
      when: when === undefined ? null : readCondition(when, at(pointer, 'when'), scope, this.#issues),
      fields: this.#fields(object['fields'], at(pointer, 'fields'), resources, false),
      masked: this.#fields(object['masked'], at(pointer, 'masked'), resources, true),
    }
  }

  #id(json: Json | undefined, pointer: string): string {
    if (json === undefined) return ''
    const place = at(pointer, 'id')
    const id = this.#shape.text(json, place, 64)
    if (id === '' || !this.#shape.name(id, place)) return ''
    if (this.#ids.has(id))
      this.#issues.add(
        'duplicate-id',
        place,
        `the id ${JSON.stringify(id)} occurs twice`,
        'one id, one rule or constraint',
      )
    this.#ids.add(id)
    return id
  }

  #patterns(json: Json | undefined, pointer: string): readonly number[] {
    const texts =
      typeof json === 'string'
        ? [[json, () => pointer] as const]
        : this.#shape.texts(json, pointer, 'permissions', 1, MAX_LIST)
    return texts.flatMap(([text, place]) => {
      const pattern = this.#vocabulary.number(text)
      if (pattern >= 0) return [pattern]
      this.#unmatched(text, place())
      return []
    })
  }

  #unmatched(text: string, pointer: string): void {
    const names = this.#vocabulary.names
    if (text.includes('*'))
      this.#issues.addUnknown('pattern-empty', pointer, 'the pattern matches no permission', text, names)
    else this.#issues.addUnknown('permission-unknown', pointer, `no permission ${JSON.stringify(text)}`, text, names)
  }

  #fields(
    json: Json | undefined,
    pointer: string,
    resources: readonly Coverage[],
    masked: boolean,
  ): readonly string[] | null {
    if (json === undefined) return null
    return this.#shape.texts(json, pointer, 'fields', 1, MAX_LIST).flatMap(([text, place]) => {
      if (text === '*') return [text]
      const name = JSON.stringify(text)
      for (const coverage of resources) {
        const { lacking, unmasked } = coverage.attribute(text)
        if (lacking !== undefined) {
          const known = lacking.attributes.keys()
          this.#issues.addUnknown('field-unknown', place(), `${lacking.name} has no attribute ${name}`, text, known)
          return []
        }
        if (masked && unmasked !== undefined) {
          const hint = `declare a mask: ${MASKS.join(', ')}`
          this.#issues.add('mask-unknown', place(), `${unmasked.name} has no mask for ${name}`, hint)
          return []
        }
      }
      return [text]
    })
  }

  #ceilings(json: Json | undefined): ReadonlyMap<string, readonly number[]> | null {
    if (json === undefined) return null
    const entries = this.#shape.entries(json, '/ceilings')
    if (entries.length === 0)
      this.#issues.add('ceiling-invalid', '/ceilings', 'no ceiling is declared', 'remove the key, or write a ceiling')
    return new Map(
      entries.map(([name, value, pointer]) => {
        if (!Array.isArray(value) || value.length === 0)
          this.#issues.add(
            'ceiling-invalid',
            pointer,
            'a ceiling is a list of patterns that is not empty',
            "['*'] is the unlimited one",
          )
        else return [name, this.#patterns(value, pointer)]
        return [name, []]
      }),
    )
  }

  #constraint(
    json: Json,
    pointer: string,
    known: ReadonlyMap<string, number>,
  ): readonly (SeparationOfDuty | Cardinality)[] {
    const given = isObject(json) ? json : undefined
    const kindText = given?.['kind']
    const list = given?.['permissions'] === undefined ? 'roles' : 'permissions'
    const object = this.#shape.object(
      json,
      pointer,
      ['id', 'kind', 'atMost', kindText === 'cardinality' ? 'role' : list],
      [],
    )
    const kind = this.#shape.oneOf(kindText, at(pointer, 'kind'), ['ssd', 'dsd', 'cardinality'])
    const id = this.#id(object['id'], pointer)
    const atMost = this.#shape.count(object['atMost'], at(pointer, 'atMost'))
    if (kind === undefined) return []
    if (kind === 'cardinality')
      return [{ id, pointer, kind, members: this.#singleRole(object['role'], at(pointer, 'role'), known), atMost }]
    const permissions = object['permissions']
    const over = permissions === undefined ? 'roles' : 'permissions'
    const members =
      permissions === undefined
        ? this.#roles(object['roles'], at(pointer, 'roles'), known, 1, MAX_MEMBERS)
        : this.#permissions(permissions, at(pointer, 'permissions'))
    return [{ id, pointer, kind, over, members: [...new Set(members)].sort(), atMost }]
  }

  #singleRole(json: Json | undefined, pointer: string, known: ReadonlyMap<string, number>): readonly string[] {
    const name = this.#shape.text(json, pointer, 64)
    if (name !== '' && !known.has(name)) this.#unknownRole(name, pointer, known)
    return [name]
  }

  #permissions(json: Json, pointer: string): readonly string[] {
    return this.#shape.texts(json, pointer, 'permissions', 1, MAX_MEMBERS).flatMap(([text, place]) => {
      if (this.#vocabulary.id(text) !== undefined) return [text]
      this.#issues.addUnknown(
        'permission-unknown',
        place(),
        `no permission ${JSON.stringify(text)}`,
        text,
        this.#vocabulary.names,
      )
      return []
    })
  }
}

/** The rows of a role table while they are built. */
interface RoleRows {
  readonly platform: Uint8Array
  readonly juniors: RowsBuilder
  readonly patterns: RowsBuilder
  readonly places: RowsBuilder
  readonly rules: Map<number, readonly Rule[]>
}
