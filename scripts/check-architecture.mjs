// Names every breach of the house's rules; the rules are in architecture/, their table in architecture/house.mjs.
import { existsSync, readFileSync } from 'node:fs'
import { house } from './architecture/house.mjs'
import { breachesOf } from './architecture/rules.mjs'
import { trackedBreaches } from './architecture/tracked.mjs'
import { root } from './process.mjs'

const breaches = breachesOf(root, house)
if (existsSync(`${root}.git`)) breaches.push(...trackedBreaches(root))

const readme = readFileSync(`${root}README.md`, 'utf8')
if (readme.split('\n').length - 1 > house.rootReadmeLines)
  breaches.push(`README.md: more than ${house.rootReadmeLines} lines`)
for (const command of ['npx -y pnpm@10 demo', 'npx -y pnpm@10 test'])
  if (!readme.includes(command)) breaches.push(`README.md: does not show \`${command}\``)

const map = readFileSync(`${root}docs/architecture.md`, 'utf8')
for (const kind of ['packages', 'apps'])
  for (const [name, { imports }] of Object.entries(house[kind]))
    for (const word of [name, ...(kind === 'packages' ? imports : [])])
      if (!map.includes(`\`${word}\``))
        breaches.push(`docs/architecture.md: does not name \`${word}\` of ${kind}/${name}`)

for (const breach of breaches) console.error(breach)
console.log(breaches.length === 0 ? 'The house is in order.' : `${breaches.length} breaches.`)
process.exitCode = breaches.length === 0 ? 0 : 1
