import type { Forge, HostileToken } from './forge.js'

const names = ['header', 'payload', 'signature'] as const
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Second spellings of an accepted token: what decodes to the same bytes is still another text. */
export async function encodingTokens({ parts, hostile }: Forge): Promise<readonly HostileToken[]> {
  const made: HostileToken[] = []
  for (const [at, name] of names.entries()) {
    const respellings: Readonly<Record<string, string>> = {
      padding: `${parts[at]}=`,
      'two paddings': `${parts[at]}==`,
      'a line break': `${parts[at]}\n`,
      'a leading space': ` ${parts[at]}`,
      'a tab inside': `${parts[at]?.slice(0, 4)}\t${parts[at]?.slice(4)}`,
      'a NUL': `${parts[at]}\0`,
      'a zero-width space': `${parts[at]}\u200b`,
      'a full-width character': `${parts[at]?.slice(0, -1)}\uff21`,
      'a percent escape': `${parts[at]}%3D`,
      'a character too many': `${parts[at]}${'A'.repeat((((parts[at]?.length ?? 0) % 4) + 1) % 4 === 1 ? 1 : 5 - ((parts[at]?.length ?? 0) % 4))}`,
    }
    for (const [id, respelt] of Object.entries(respellings)) {
      const token = parts.map((part, i) => (i === at ? respelt : part)).join('.')
      made.push(hostile(`${id} in the ${name}`, token, 'COFFER_JWT_ENCODING_INVALID'))
    }
    const unused = setUnusedBit(parts[at] ?? '')
    if (unused === undefined) continue
    const token = parts.map((part, i) => (i === at ? unused : part)).join('.')
    made.push(hostile(`an unused bit set in the ${name}`, token, 'COFFER_JWT_ENCODING_INVALID'))
  }
  return made
}

/** The part with a bit behind its last byte; undefined where its length leaves none. */
function setUnusedBit(part: string): string | undefined {
  if (part.length % 4 === 0) return undefined
  const last = alphabet.indexOf(part.slice(-1))
  return part.slice(0, -1) + alphabet.charAt(last | 1)
}
