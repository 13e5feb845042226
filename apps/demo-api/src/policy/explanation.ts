/** The part of an explanation that its sentence is made from. */
export interface Reasons {
  readonly reason: string
  readonly ruleId: string | null
  readonly rules: readonly { readonly id: string; readonly effect: string; readonly verdict: string }[]
}

/** What decided, then every deny that holds besides: a missing permit is looked at first and would hide them. */
export function explanationText(
  permission: string,
  { reason, ruleId, rules }: Reasons,
  conditions: ReadonlyMap<string, string | null>,
): string {
  const whenOf = (id: string | null) => {
    const when = id === null ? null : (conditions.get(id) ?? null)
    return when === null ? '' : ` (${when})`
  }
  const because = ruleId === null ? reason : `${reason} by ${ruleId}`
  const first =
    reason === 'no-permit'
      ? `No role of the subject permits ${permission}.`
      : `${permission}: ${because}${whenOf(ruleId)}.`
  const others = rules.flatMap(({ id, effect, verdict }) => {
    if (effect !== 'deny' || id === ruleId) return []
    if (verdict === 'true') return [`The rule ${id} denies it as well${whenOf(id)}.`]
    // Refused before the row was read: whether the rule holds for it was not looked at.
    return verdict === 'unknown' && reason === 'no-permit' ? [`The rule ${id} may deny it as well${whenOf(id)}.`] : []
  })
  return [first, ...others].join(' ')
}
