/** What was granted before, if it was less than asked: asking for more than the grant holds is refused (RFC 6749 §6). */
export function refreshScope(
  asked: readonly string[] | undefined,
  granted: readonly string[] | undefined,
): readonly string[] | undefined {
  if (asked === undefined || granted === undefined) return asked
  const both = asked.filter((one) => granted.includes(one))
  return both.length > 0 ? both : undefined
}
