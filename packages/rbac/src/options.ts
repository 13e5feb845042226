/**
 * Refuses options that do not exist: a misspelt one would silently be its default, and the default may allow more.
 *
 * `known` is written as an object so that it cannot leave out an option of the type or name another.
 */
export function checkOptions<O extends object>(
  place: string,
  options: O | undefined,
  known: Readonly<Record<keyof O, true>>,
): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) throw new TypeError(`${place}: options must be an object`)
  for (const name of Object.keys(options))
    if (!Object.hasOwn(known, name))
      throw new TypeError(`${place} has no option ${JSON.stringify(name)} (known: ${Object.keys(known).join(', ')})`)
}
