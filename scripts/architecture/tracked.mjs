import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const patterns = [
  // Split so that this file does not name what it looks for.
  {
    pattern: new RegExp(
      `(^|[^A-Za-z0-9._~/@-])/(${['work', 'root', 'home', 'Users', 'tmp', 'farm'].join('|')})/[A-Za-z0-9_.-]+`,
    ),
    says: 'an absolute path of one machine',
  },
  { pattern: new RegExp(['registry', 'npmjs', 'org'].join('\\.')), says: 'the name of a package registry host' },
  {
    pattern: new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|')})\\b`),
    says: 'a mark of unfinished work',
    only: /\.(ts|mjs|sql)$/,
  },
  { pattern: /\b(it|test|describe)\.(only|todo)\b/, says: 'a focused or unwritten test', only: /\.test\.(ts|mjs)$/ },
]

/** Lines of tracked files that speak of something else than the software. */
export function trackedBreaches(root) {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
  return files.flatMap((file) => {
    let text
    try {
      text = readFileSync(join(root, file), 'utf8')
    } catch {
      return []
    }
    if (text.includes('\0')) return []
    return text
      .split('\n')
      .flatMap((line, index) =>
        patterns
          .filter(({ pattern, only }) => (!only || only.test(file)) && pattern.test(line))
          .map(({ says }) => `${file}:${index + 1}: ${says}`),
      )
  })
}
