import { readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** Every file below a folder, as paths from it with forward slashes. */
export function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      relative(folder, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join('/'),
    )
    .filter((file) => !/(^|\/)(node_modules|dist|\.cache|\.turbo|\.vitest)\//.test(file))
    .sort()
}

/** The text without comments, line for line, so that what is said about code is not taken for code. */
export function withoutComments(text) {
  return text.replace(
    /\/\*[\s\S]*?\*\/|(^|[^:'"`\\])\/\/[^\n]*/g,
    (comment, before = '') => before + comment.slice(before.length).replace(/[^\n]/g, ' '),
  )
}

const specifiers = /\b(?:import|export)\b[^'"`;()]*?\bfrom\s*(['"])([^'"\s]+)\1|\bimport\s*\(?\s*(['"])([^'"\s]+)\3/g

/** What a module imports, re-exports or loads: `[{ specifier, line }]`. */
export function importsOf(text) {
  const code = withoutComments(text)
  return [...code.matchAll(specifiers)].map((match) => ({
    specifier: match[2] ?? match[4],
    line: code.slice(0, match.index).split('\n').length,
  }))
}

/** `@scope/name/sub` → `@scope/name`; `name/sub` → `name`. */
export const packageName = (specifier) =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
