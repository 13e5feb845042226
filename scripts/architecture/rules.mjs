import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { filesBelow, importsOf, packageName, withoutComments } from './source.mjs'

const foldersIn = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'package.json')))
        .map((entry) => entry.name)
    : []

const sameSet = (a, b) => a.length === b.length && a.every((item) => b.includes(item))

/**
 * Walks a repository and names each breach of the house's rules.
 *
 * @param {string} root
 * @param {typeof import('./house.mjs').house} house
 * @returns {string[]} one sentence a breach, with file and line; empty when the house is in order
 */
export function breachesOf(root, house) {
  const breaches = []
  const rooms = [
    ...foldersIn(join(root, 'packages')).map((name) => ({ kind: 'packages', name })),
    ...foldersIn(join(root, 'apps')).map((name) => ({ kind: 'apps', name })),
  ]
  for (const { kind, name } of rooms) {
    const rules = house[kind][name]
    if (!rules) {
      breaches.push(`${kind}/${name}: not in the table of scripts/architecture/house.mjs`)
      continue
    }
    const folder = join(root, kind, name)
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    breaches.push(...manifestBreaches(`${kind}/${name}`, manifest, rules))
    breaches.push(...sourceBreaches(`${kind}/${name}`, folder, kind, manifest, rules, house))
    if (kind === 'packages') breaches.push(...readmeBreaches(`${kind}/${name}`, folder, house))
  }
  for (const kind of ['packages', 'apps'])
    for (const name of Object.keys(house[kind]))
      if (!rooms.some((room) => room.kind === kind && room.name === name))
        breaches.push(`${kind}/${name}: in the table, but there is no such room`)
  return breaches
}

function manifestBreaches(room, manifest, rules) {
  const breaches = []
  const declared = Object.keys(manifest.dependencies ?? {})
  if (!sameSet(declared, rules.imports))
    breaches.push(
      `${room}/package.json: dependencies are [${declared.sort().join(', ')}], the table says [${[...rules.imports].sort().join(', ')}]`,
    )
  for (const peer of Object.keys(manifest.peerDependencies ?? {})) {
    if (!rules.optional?.includes(peer))
      breaches.push(`${room}/package.json: peer dependency ${peer} is not in the table`)
    if (!manifest.peerDependenciesMeta?.[peer]?.optional)
      breaches.push(`${room}/package.json: peer dependency ${peer} is not optional`)
  }
  return breaches
}

const entriesOf = (manifest) =>
  new Set(
    Object.values(manifest.exports ?? {})
      .map((target) => target['@coffer/source'])
      .filter(Boolean)
      .map((file) => posix.normalize(file)),
  )

function sourceBreaches(room, folder, kind, manifest, rules, house) {
  const breaches = []
  const entries = entriesOf(manifest)
  const allowed = new Set([...rules.imports, ...(rules.optional ?? [])])
  for (const file of filesBelow(folder)) {
    const at = (line) => `${room}/${file}${line ? `:${line}` : ''}`
    for (const part of file.split('/'))
      if (house.drawers.includes(part.replace(/\.[^.]+$/, '')))
        breaches.push(`${at()}: "${part}" is a drawer; name the idea inside`)
    if (!/^src\/.*\.tsx?$/.test(file)) continue

    const text = readFileSync(join(folder, file), 'utf8')
    const code = withoutComments(text)
    const lines = text.split('\n').length - 1
    if (lines > house.sourceLines)
      breaches.push(`${at()}: ${lines} lines; a file holds one idea in at most ${house.sourceLines}`)

    for (const { specifier, line } of importsOf(text)) {
      if (specifier.startsWith('.')) {
        if (!posix.normalize(posix.join(dirname(file), specifier)).startsWith('src/'))
          breaches.push(`${at(line)}: imports ${specifier}, outside its own src/`)
        continue
      }
      if (specifier.startsWith('node:')) {
        const inside = file.slice('src/'.length)
        if (
          kind === 'packages' &&
          !rules.node.some((prefix) => inside === `${prefix}.ts` || (prefix.endsWith('/') && inside.startsWith(prefix)))
        )
          breaches.push(`${at(line)}: imports ${specifier}; this room runs without node:`)
        continue
      }
      if (specifier !== manifest.name && !allowed.has(packageName(specifier)))
        breaches.push(`${at(line)}: imports ${specifier}, which the table does not allow ${room}`)
    }

    for (const [index, line] of code.split('\n').entries()) {
      if (/\bexport\s+\*/.test(line)) breaches.push(`${at(index + 1)}: export *; name what leaves the room`)
      if (/^\s*export\s+default\b/.test(line)) breaches.push(`${at(index + 1)}: default export; name it`)
      if (kind !== 'packages') continue
      if (/\bexport\b[^'"]*\bfrom\s*['"]/.test(line) && !entries.has(file))
        breaches.push(`${at(index + 1)}: re-exports, and is no entry of package.json`)
      if (
        /\bprocess\s*\.\s*(env|argv|cwd|exit)\b/.test(line) &&
        !rules.node.some((prefix) => file.startsWith(`src/${prefix}`))
      )
        breaches.push(`${at(index + 1)}: reads process; pass the value in`)
    }
  }
  return breaches
}

function readmeBreaches(room, folder, house) {
  const breaches = []
  const path = join(folder, 'README.md')
  if (!existsSync(path)) return [`${room}: has no README.md`]
  const text = readFileSync(path, 'utf8')
  const lines = text.split('\n')
  const { lines: most, headings } = house.packageReadme
  if (lines.length - 1 > most) breaches.push(`${room}/README.md: ${lines.length - 1} lines; at most ${most}`)
  const found = lines.filter((line) => line.startsWith('## ')).map((line) => line.slice(3).trim())
  if (found.join() !== headings.join())
    breaches.push(`${room}/README.md: headings are [${found.join(', ')}], not [${headings.join(', ')}]`)
  breaches.push(...codeTableBreaches(room, folder, text))
  return breaches
}

/** Every code of errors.ts stands in the README's table of errors. */
function codeTableBreaches(room, folder, readme) {
  const path = join(folder, 'src', 'errors.ts')
  if (!existsSync(path)) return []
  const section = readme.split(/^## Errors\s*$/m)[1]?.split(/^## /m)[0] ?? ''
  const codes = new Set(
    withoutComments(readFileSync(path, 'utf8')).match(/(?<=['"])COFFER_[A-Z0-9_]*[A-Z0-9](?=['"])/g) ?? [],
  )
  const prefix = `COFFER_${room.split('/')[1].replace(/-/g, '_').toUpperCase()}_`
  return [...codes]
    .filter((code) => !section.includes(`\`${code}\``) && !section.includes(`\`${code.replace(prefix, '')}\``))
    .map((code) => `${room}/README.md: the table of errors lacks ${code}`)
}
