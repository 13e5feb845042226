import type { Compiled, CompiledRule } from './compile.js'
import { violationsOf } from './constraint.js'
import type { Evaluator } from './evaluate.js'
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
  readonly tenancy: { readonly atom: Atom; readonly evaluate: Evaluator } | null
}

/** Every rule that bears on one permission in one role set. */
export interface Plan {
  readonly permits: readonly PlannedRule[]
  /** Denies without `fields`. */
  readonly denies: readonly PlannedRule[]
  /** Denies that remove fields only. */
  readonly fieldDenies: readonly PlannedRule[]
  /** The ceiling that leaves this permission out: its name, or `null` where the session's ceilings are unknown. */
  readonly outside: { readonly ceiling: string | null } | null
}

/** A broken constraint as a role set sees it: without the subject. */
export interface RoleSetViolation {
  readonly constraint: string
  readonly kind: 'ssd' | 'dsd'
  readonly members: readonly string[]
  readonly atMost: number
}

/**
 * What holds for every subject with the same assigned roles, active roles and ceilings: one merged row of two bits a
 * permission, and a plan per permission made on first use.
 */
export class RoleSet {
  readonly row: Uint32Array
  readonly violations: readonly RoleSetViolation[]
  /** Applying rules: permits of the active closure, denies bound to the assigned one. */
  readonly rules: readonly CompiledRule[]
  readonly #compiled: Compiled
  readonly #ceilings: readonly string[] | null
  readonly #plans = new Map<number, Plan>()

  constructor(
    compiled: Compiled,
    assigned: readonly number[],
    active: readonly number[],
    ceilings: readonly string[] | null,
  ) {
    this.#compiled = compiled
    this.#ceilings = ceilings
    const assignedClosure = compiled.hierarchy.closure(assigned)
    const activeClosure = compiled.hierarchy.closure(active)
    this.violations = violationsOf(compiled, assignedClosure, activeClosure).map(({ constraint, members }) =>
      Object.freeze({
        constraint: constraint.id,
        kind: constraint.kind,
        members: Object.freeze([...members]),
        atMost: constraint.atMost,
      }),
    )
    const held = new Set(assignedClosure)
    const permits = [...activeClosure].flatMap((role) => compiled.permits[role] ?? [])
    const denies = compiled.denies.filter((rule) => rule.roles === null || rule.roles.some((role) => held.has(role)))
    this.rules = [...permits, ...denies]
    this.row = this.#merge(permits, denies)
  }

  verdict(permission: number): number {
    return ((this.row[permission >>> 4] ?? 0) >>> ((permission & 15) << 1)) & 3
  }

  plan(permission: number): Plan {
    let plan = this.#plans.get(permission)
    if (plan === undefined) {
      plan = this.#makePlan(permission)
      this.#plans.set(permission, plan)
    }
    return plan
  }

  #merge(permits: readonly CompiledRule[], denies: readonly CompiledRule[]): Uint32Array {
    const { vocabulary, tenancy } = this.#compiled
    const row = new Uint32Array((vocabulary.names.length + 15) >>> 4)
    if (this.violations.length > 0) return row
    for (const rule of permits)
      for (const permission of idsOf(rule, vocabulary)) {
        const resource = vocabulary.resources[permission]
        const bound = rule.tenantBound && resource !== undefined && tenancy.has(resource)
        const verdict = rule.evaluate === null && !bound ? ROW_PERMIT : ROW_EVALUATE
        if (verdict === ROW_PERMIT || get(row, permission) === ROW_DENY) set(row, permission, verdict)
      }
    for (const rule of denies)
      if (rule.fields === null && rule.evaluate !== null)
        for (const permission of idsOf(rule, vocabulary))
          if (get(row, permission) === ROW_PERMIT) set(row, permission, ROW_EVALUATE)
    for (const rule of denies)
      if (rule.fields === null && rule.evaluate === null)
        for (const permission of idsOf(rule, vocabulary)) set(row, permission, ROW_DENY)
    for (let permission = 0; permission < vocabulary.names.length; permission++)
      if (this.#outside(permission) !== null) set(row, permission, ROW_DENY)
    return row
  }

  #makePlan(permission: number): Plan {
    const { vocabulary, tenancy } = this.#compiled
    const resource = vocabulary.resources[permission]
    const covering = this.rules.filter((rule) =>
      rule.patterns.some((pattern) => vocabulary.expand(pattern).includes(permission)),
    )
    const planned = covering
      .map((rule) => ({
        rule,
        tenancy: rule.tenantBound && resource !== undefined ? (tenancy.get(resource) ?? null) : null,
      }))
      .sort((left, right) => byCodeUnit(left.rule.id, right.rule.id))
    return {
      permits: planned.filter(({ rule }) => rule.effect === 'permit'),
      denies: planned.filter(({ rule }) => rule.effect === 'deny' && rule.fields === null),
      fieldDenies: planned.filter(({ rule }) => rule.effect === 'deny' && rule.fields !== null),
      outside: this.#outside(permission),
    }
  }

  /** The least of the session's ceilings that leaves the permission out. No ceiling named, or an unknown one, leaves out all. */
  #outside(permission: number): { readonly ceiling: string | null } | null {
    const declared = this.#compiled.model.ceilings
    if (declared === null) return null
    const named = this.#ceilings ?? []
    const excluding = named.filter((name) => {
      const patterns = declared.get(name)
      return (
        patterns !== undefined &&
        !patterns.some((pattern) => this.#compiled.vocabulary.expand(pattern).includes(permission))
      )
    })
    if (excluding.length > 0) return { ceiling: excluding.sort(byCodeUnit)[0] ?? null }
    return named.length === 0 || named.some((name) => !declared.has(name)) ? { ceiling: null } : null
  }
}

function* idsOf(rule: CompiledRule, vocabulary: Compiled['vocabulary']): Iterable<number> {
  for (const pattern of rule.patterns) yield* vocabulary.expand(pattern)
}

function get(row: Uint32Array, permission: number): number {
  return ((row[permission >>> 4] ?? 0) >>> ((permission & 15) << 1)) & 3
}

function set(row: Uint32Array, permission: number, verdict: number): void {
  const shift = (permission & 15) << 1
  row[permission >>> 4] = ((row[permission >>> 4] ?? 0) & ~(3 << shift)) | (verdict << shift)
}
