import { isSessionAtom, timeAtoms } from './boundary.js'
import type { Compiled, CompiledRule, Tenancy } from './compile.js'
import { violationsOf } from './constraint.js'
import type { Atom } from './model.js'
import { byCodeUnit } from './value.js'

/** Denied whatever the resource is. */
export const ROW_DENY = 0
/** Permitted whatever the resource is. */
export const ROW_PERMIT = 1
/** The plan has to be asked. */
export const ROW_EVALUATE = 2

/** One rule of a plan, with the tenancy it is bound to on this permission's resource. */
export interface PlannedRule {
  readonly rule: CompiledRule
  readonly tenancy: Tenancy | null
}

/** Every rule that bears on one permission in one role set; each list sorted by id. */
export interface Plan {
  readonly permits: readonly PlannedRule[]
  /** Denies without `fields`. */
  readonly denies: readonly PlannedRule[]
  /** Denies that remove fields only. */
  readonly fieldDenies: readonly PlannedRule[]
  /** The ceiling that leaves this permission out: its name, or `null` where the session's ceilings are unknown. */
  readonly outside: { readonly ceiling: string | null } | null
  /** The comparisons of its permits and denies with `context.now`. */
  readonly timeAtoms: readonly Atom[]
}

/** A broken constraint as a role set sees it: without the subject. */
export interface RoleSetViolation {
  readonly constraint: string
  readonly kind: 'ssd' | 'dsd'
  readonly members: readonly string[]
  readonly atMost: number
}

/** Ceilings as a session names them: the declared ones, and whether an undeclared one was among them. */
export interface NamedCeilings {
  readonly known: readonly string[]
  readonly unknown: boolean
}

/**
 * What holds for every subject with the same assigned roles, active roles and ceilings: one merged row of two bits a
 * permission, and a plan per permission made on first use.
 */
export class RoleSet {
  readonly row: Uint32Array
  readonly violations: readonly RoleSetViolation[]
  readonly activeRoles: readonly string[]
  /** The comparisons of `context.now` whose other side a session knows. */
  readonly timeAtoms: readonly Atom[]
  /** Numbers of the roles that permits come from, and of those that denies are bound to. */
  readonly activeClosure: Int32Array
  readonly assignedClosure: Int32Array
  /** Denies that apply, those of fields included. */
  readonly denies: readonly CompiledRule[]
  readonly #compiled: Compiled
  readonly #ceilings: NamedCeilings
  /** The platform roles that are assigned and active themselves: what is inherited from one stays bound to the tenant. */
  readonly #lifting: ReadonlySet<number>
  readonly #plans = new Map<number, Plan>()

  constructor(compiled: Compiled, assigned: readonly number[], active: readonly number[], ceilings: NamedCeilings) {
    this.#compiled = compiled
    this.#ceilings = ceilings
    const chosen = new Set(active)
    this.#lifting = new Set(assigned.filter((role) => chosen.has(role) && compiled.permits.isPlatform(role)))
    this.activeRoles = Object.freeze(active.map((id) => compiled.hierarchy.name(id)))
    this.assignedClosure = compiled.hierarchy.closure(assigned)
    this.activeClosure = compiled.hierarchy.closure(active)
    this.violations = violationsOf(compiled, this.assignedClosure, this.activeClosure).map(
      ({ constraint, members }) => {
        const { id, kind, atMost } = constraint
        return Object.freeze({ constraint: id, kind, members: Object.freeze([...members]), atMost })
      },
    )
    const held = new Set(this.assignedClosure)
    this.denies = compiled.denies.filter((rule) => rule.roles === null || rule.roles.some((role) => held.has(role)))
    this.row = this.#merge()
    this.timeAtoms = this.#timeAtoms()
  }

  plan(permission: number): Plan {
    let plan = this.#plans.get(permission)
    if (plan === undefined) {
      plan = this.#makePlan(permission)
      this.#plans.set(permission, plan)
    }
    return plan
  }

  /** Whether what the role states is bound to the session's tenant on a resource that has one. */
  isBound(role: number): boolean {
    return !this.#lifting.has(role)
  }

  #merge(): Uint32Array {
    const { vocabulary, permits } = this.#compiled
    const row = new Uint32Array((vocabulary.names.length + 15) >>> 4)
    if (this.violations.length > 0) return row
    const written = new Set<number>()
    for (const role of this.activeClosure) {
      const bound = this.isBound(role)
      for (const pattern of permits.bare(role)) this.#permit(row, written, pattern, bound, false)
      for (const rule of permits.rules(role))
        for (const pattern of rule.patterns) this.#permit(row, written, pattern, bound, rule.evaluate !== null)
    }
    const [lowering, refusing] = [new Set<number>(), new Set<number>()]
    for (const { fields, evaluate, patterns } of this.denies)
      if (fields === null) for (const pattern of patterns) (evaluate === null ? refusing : lowering).add(pattern)
    for (const pattern of lowering) for (const id of vocabulary.ids(pattern)) lower(row, id)
    for (const pattern of refusing) for (const id of vocabulary.ids(pattern)) write(row, id, ROW_DENY)
    this.#applyCeilings(row)
    return row
  }

  /** `written` are the wildcards that stand in the row already: of a thousand roles with the same one, one is enough. */
  #permit(row: Uint32Array, written: Set<number>, pattern: number, tenantBound: boolean, conditional: boolean): void {
    const { vocabulary, tenancy } = this.#compiled
    const ids = vocabulary.ids(pattern)
    if (ids.length > 1) {
      const key = pattern * 4 + (tenantBound ? 2 : 0) + (conditional ? 1 : 0)
      if (written.has(key)) return
      written.add(key)
    }
    for (const id of ids) {
      const resource = vocabulary.resources[id]
      const plain = !conditional && !(tenantBound && resource !== undefined && tenancy.has(resource))
      if (plain) write(row, id, ROW_PERMIT)
      else if (read(row, id) === ROW_DENY) write(row, id, ROW_EVALUATE)
    }
  }

  #applyCeilings(row: Uint32Array): void {
    const { model, vocabulary } = this.#compiled
    if (model.ceilings === null) return
    for (let id = 0; id < vocabulary.names.length; id++)
      if (read(row, id) !== ROW_DENY && this.#outside(id) !== null) write(row, id, ROW_DENY)
  }

  #makePlan(permission: number): Plan {
    const { vocabulary, tenancy, permits } = this.#compiled
    const resource = vocabulary.resources[permission]
    const bound = resource === undefined ? null : (tenancy.get(resource) ?? null)
    const covering: PlannedRule[] = []
    for (const role of this.activeClosure)
      for (const rule of permits.permitsOf(role, permission))
        covering.push({ rule, tenancy: this.isBound(role) ? bound : null })
    const denies = this.denies
      .filter((rule) => vocabulary.covers(rule.patterns, permission))
      .map((rule): PlannedRule => ({ rule, tenancy: null }))
    const permitting = covering.sort(byId)
    const denying = denies.filter(({ rule }) => rule.fields === null).sort(byId)
    return {
      permits: permitting,
      denies: denying,
      fieldDenies: denies.filter(({ rule }) => rule.fields !== null).sort(byId),
      outside: this.#outside(permission),
      timeAtoms: [...permitting, ...denying].flatMap(({ rule }) => timeAtoms(rule.when)),
    }
  }

  /** The least of the session's ceilings that leaves the permission out. No ceiling, or an unknown one, leaves out all. */
  #outside(permission: number): { readonly ceiling: string | null } | null {
    const { model, vocabulary } = this.#compiled
    const declared = model.ceilings
    if (declared === null) return null
    const { known, unknown } = this.#ceilings
    const excluding = known.filter((name) => !vocabulary.covers(declared.get(name) ?? [], permission))
    if (excluding.length > 0) return { ceiling: [...excluding].sort(byCodeUnit)[0] ?? null }
    return known.length === 0 || unknown ? { ceiling: null } : null
  }

  #timeAtoms(): readonly Atom[] {
    const rules = [...this.denies]
    for (const role of this.activeClosure) rules.push(...this.#compiled.permits.rules(role))
    return rules.flatMap((rule) => timeAtoms(rule.when)).filter(isSessionAtom)
  }
}

function byId(left: PlannedRule, right: PlannedRule): number {
  return byCodeUnit(left.rule.id, right.rule.id)
}

function read(row: Uint32Array, permission: number): number {
  return ((row[permission >>> 4] ?? 0) >>> ((permission & 15) << 1)) & 3
}

function write(row: Uint32Array, permission: number, verdict: number): void {
  const shift = (permission & 15) << 1
  row[permission >>> 4] = ((row[permission >>> 4] ?? 0) & ~(3 << shift)) | (verdict << shift)
}

/** A conditional deny: what was permitted outright has to be evaluated. */
function lower(row: Uint32Array, permission: number): void {
  if (read(row, permission) === ROW_PERMIT) write(row, permission, ROW_EVALUATE)
}
