import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const DEEP = process.env['COFFER_DEEP'] === '1'
const LIMIT = DEEP ? 1_000_000 : 100_000
const RESOURCES = DEEP ? 200 : 20
const ACTIONS = 10
const ROLES = DEEP ? 100 : 10

it(`a policy of ${RESOURCES * ACTIONS} permissions and ${ROLES} roles takes at most ${LIMIT} type instantiations`, {
  timeout: 300_000,
}, () => {
  const package_ = fileURLToPath(new URL('..', import.meta.url))
  mkdirSync(join(package_, '.cache'), { recursive: true })
  // Inside the package, so that its own name resolves to its source.
  const folder = mkdtempSync(join(package_, '.cache', 'types-'))
  try {
    writeFileSync(join(folder, 'policy.ts'), source())
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../../../tsconfig.base.json',
        compilerOptions: {
          noEmit: true,
          composite: false,
          isolatedDeclarations: false,
          declarationMap: false,
          declaration: false,
          rootDir: '../..',
          types: [],
        },
        include: ['policy.ts'],
      }),
    )
    const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url))
    const output = execFileSync(process.execPath, [tsc, '-p', folder, '--extendedDiagnostics'], { encoding: 'utf8' })
    const instantiations = Number(/Instantiations:\s+(\d+)/.exec(output)?.[1])
    const seconds = /Check time:\s+([\d.]+s)/.exec(output)?.[1]
    if (DEEP) console.log(`${RESOURCES * ACTIONS} permissions: ${instantiations} instantiations, checked in ${seconds}`)
    expect(instantiations).toBeGreaterThan(1000)
    expect(instantiations).toBeLessThanOrEqual(LIMIT)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** A literal with conditions, wildcards and inheritance, and checks by name. */
function source(): string {
  const actions = Array.from({ length: ACTIONS }, (_, index) => `'act${index}'`).join(', ')
  const resources = Array.from(
    { length: RESOURCES },
    (_, index) =>
      `res${index}: { tenant: 'org', actions: [${actions}], attributes: { org: 'id', owner: 'id', size${index}: 'int?' } },`,
  )
  const roles = Array.from({ length: ROLES }, (_, index) => {
    const permits = Array.from({ length: 20 }, (_, place) => {
      const resource = (index * 7 + place * 11) % RESOURCES
      const name = `res${resource}:act${place % ACTIONS}`
      if (place % 4 !== 0) return `'${name}'`
      return `{ id: 'rule${index}.${place}', permission: '${name}', when: { all: [{ 'resource.owner': { eq: '$subject.id' } }, { 'resource.size${resource}': { lte: 5 } }] } }`
    })
    return `role${index}: { inherits: [${index > 0 ? `'role${index - 1}'` : ''}], permit: [${permits.join(', ')}, 'res${index}:*'] },`
  })
  return `import { compilePolicy, definePolicy } from '@coffer/rbac'
const policy = compilePolicy(definePolicy({ policy: 'p', version: '1', resources: {\n${resources.join('\n')}\n}, roles: {\n${roles.join('\n')}\n} }))
export const answer: boolean = policy.session({ id: 'u', roles: [] }).can('res7:act3', { org: 'o', owner: 'u' })
`
}
