import { verdictOf } from './decide.js'
import type { Mask } from './document.js'
import { FALSE, type Subject, TRUE } from './evaluate.js'
import type { Resource } from './model.js'
import type { Plan } from './role-set.js'
import { byCodeUnit, own, UNREADABLE } from './value.js'

/** The fields of a permitted row: in clear, and masked. Both sorted; a field in neither may not be seen. */
export interface VisibleFields {
  readonly clear: readonly string[]
  readonly masked: readonly string[]
}

/** No field at all: what a denied row shows. */
export const NO_FIELDS: VisibleFields = Object.freeze({ clear: Object.freeze([]), masked: Object.freeze([]) })

/** The fields that the true permits of a plan give, less those that a deny with `fields` takes. */
export function visibleFields(
  plan: Plan,
  resource: Resource,
  subject: Subject,
  row: unknown,
  context: unknown,
): VisibleFields {
  const clear = new Set<string>()
  const masked = new Set<string>()
  for (const planned of plan.permits) {
    if (verdictOf(planned, subject, row, context) !== TRUE) continue
    const { fields, masked: hidden } = planned.rule
    const named = fields !== null || hidden !== null
    for (const name of namesIn(named ? (fields ?? []) : ['*'], resource, false)) clear.add(name)
    for (const name of namesIn(named ? (hidden ?? []) : ['*'], resource, true)) masked.add(name)
  }
  for (const planned of plan.fieldDenies) {
    if (verdictOf(planned, subject, row, context) === FALSE) continue
    for (const name of removedBy(planned.rule.fields ?? [], resource)) {
      clear.delete(name)
      masked.delete(name)
    }
  }
  for (const name of clear) masked.delete(name)
  return Object.freeze({
    clear: Object.freeze([...clear].sort(byCodeUnit)),
    masked: Object.freeze([...masked].sort(byCodeUnit)),
  })
}

/** `*` in `fields` is every attribute without a mask, in `masked` every one with: clear sight of a masked one is named. */
export function namesIn(names: readonly string[], resource: Resource, masked: boolean): readonly string[] {
  return names.flatMap((name) => {
    if (name !== '*') return [name]
    return [...resource.attributes.values()]
      .filter((entry) => (entry.mask !== undefined) === masked)
      .map((entry) => entry.name)
  })
}

/** In a deny `*` is every attribute: a deny that reads as "nothing" must not leave the masked ones. */
export function removedBy(names: readonly string[], resource: Resource): readonly string[] {
  return names.includes('*') ? [...resource.attributes.keys()] : names
}

/** A new row of the visible fields; what the row does not have, or what cannot be read, is left out. */
export function maskRow(visible: VisibleFields, resource: Resource, row: unknown): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = {}
  for (const name of visible.clear) {
    const value = own(row, name)
    if (value !== undefined && value !== UNREADABLE) result[name] = value
  }
  for (const name of visible.masked) {
    const value = own(row, name)
    if (value !== undefined && value !== UNREADABLE)
      result[name] = maskValue(value, resource.attributes.get(name)?.mask)
  }
  return Object.freeze(result)
}

const HIDDEN = '****'

/** Shows what a mask leaves of a text; anything that is no text becomes `null`. */
export function maskValue(value: unknown, mask: Mask | undefined): string | null {
  if (typeof value !== 'string' || mask === undefined || mask === 'redact') return null
  // Code points, so that half of a surrogate pair is never shown.
  const points = Array.from(value)
  if (mask === 'last4') return points.length < 9 ? HIDDEN : `${HIDDEN}${points.slice(-4).join('')}`
  if (mask === 'bin6last4')
    return points.length < 13 ? HIDDEN : `${points.slice(0, 6).join('')}******${points.slice(-4).join('')}`
  return maskEmail(value, points)
}

function maskEmail(value: string, points: readonly string[]): string {
  const at = value.lastIndexOf('@')
  return at < 1 || at === value.length - 1 ? HIDDEN : `${points[0] ?? ''}***${value.slice(at)}`
}
