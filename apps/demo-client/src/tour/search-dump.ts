/** A value that must not be readable in the database. `kind` is what may be said about it. */
export interface Planted {
  readonly kind: string
  readonly value: string
}

/** Where one was found. The value itself is not repeated. */
export interface Hit {
  readonly kind: string
  readonly form: string
  readonly row: number
}

const windowLength = 6

/**
 * Searches rows for values as they are and as hex and percent-encoded text, without regard to case, and as base64 and
 * base64url at each of their three alignments. One pass over each row whatever the number of values: every window of six characters is looked up.
 *
 * @throws {RangeError} for a value shorter than six characters, which could be found by chance.
 */
export function findPlanted(rows: Iterable<string>, planted: Iterable<Planted>): readonly Hit[] {
  const index = indexForms(planted)
  const hits: Hit[] = []
  let row = 0
  for (const text of rows) {
    const folded = text.toLowerCase()
    for (let start = 0; start + windowLength <= folded.length; start++) {
      const candidates = index.get(folded.slice(start, start + windowLength))
      if (candidates === undefined) continue
      for (const { kind, form, needle, exact } of candidates)
        if ((exact ? text : folded).startsWith(needle, start)) hits.push({ kind, form, row })
    }
    row += 1
  }
  return hits
}

interface Needle {
  readonly kind: string
  readonly form: string
  readonly needle: string
  /** Base64 in another case is another value. */
  readonly exact: boolean
}

function indexForms(planted: Iterable<Planted>): ReadonlyMap<string, readonly Needle[]> {
  const index = new Map<string, Needle[]>()
  const seen = new Set<string>()
  for (const { kind, value } of planted) {
    if (value.length < windowLength) throw new RangeError(`a planted ${kind} is too short to be searched for`)
    for (const [form, spelled] of formsOf(value)) {
      const exact = form.startsWith('base64')
      const needle = exact ? spelled : spelled.toLowerCase()
      if (seen.has(needle)) continue
      seen.add(needle)
      const start = needle.slice(0, windowLength).toLowerCase()
      index.set(start, [...(index.get(start) ?? []), { kind, form, needle, exact }])
    }
  }
  return index
}

function formsOf(value: string): readonly (readonly [form: string, spelled: string])[] {
  const bytes = Buffer.from(value, 'utf8')
  return [
    ['plain', value],
    // JSON inside JSON, as in a column that holds a document as text.
    ['escaped', JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1)],
    ['percent-encoded', encodeURIComponent(value)],
    ['hex', bytes.toString('hex')],
    ...[0, 1, 2].flatMap((before) => {
      const inner = base64At(bytes, before)
      return [
        ['base64', inner],
        ['base64url', inner.replaceAll('+', '-').replaceAll('/', '_')],
      ] as const
    }),
  ]
}

/** The characters of base64 that depend on these bytes alone when `before` bytes stand in front of them. */
function base64At(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replaceAll('=', '')
  const first = Math.ceil((before * 8) / 6)
  const last = Math.floor(((before + bytes.length) * 8) / 6)
  return text.slice(first, last)
}
