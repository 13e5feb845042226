/**
 * Who may import whom. This table is the rule, and docs/architecture.md shows it to people.
 *
 * `imports` are the only run-time dependencies of a room, siblings included. `node` names the files of `src/` that may
 * use `node:` modules. `optional` are peers that one subpath file adapts.
 */
export const house = {
  packages: {
    jwt: { imports: ['jose'], node: ['testing/'] },
    rbac: { imports: [], node: ['cli/'] },
    'field-encryption': { imports: ['@noble/ciphers', '@noble/hashes'], node: [] },
    lease: { imports: [], node: ['testing'] },
    'token-cache': { imports: ['@coffer/lease'], node: ['file', 'testing/'] },
  },
  apps: {
    'demo-api': {
      imports: [
        '@coffer/field-encryption',
        '@coffer/jwt',
        '@coffer/rbac',
        '@electric-sql/pglite',
        '@fastify/formbody',
        '@fastify/helmet',
        '@fastify/rate-limit',
        '@fastify/swagger',
        '@fastify/under-pressure',
        '@node-rs/argon2',
        '@peculiar/x509',
        'drizzle-orm',
        'fastify',
        'pg',
        'reflect-metadata',
        'typebox',
      ],
    },
    'demo-client': { imports: ['@coffer/demo-api', '@coffer/field-encryption', '@coffer/token-cache', 'undici'] },
  },
  /** Names that say nothing about what is inside. */
  drawers: ['common', 'core', 'helper', 'helpers', 'lib', 'misc', 'shared', 'util', 'utils'],
  sourceLines: 400,
  packageReadme: { lines: 120, headings: ['Install', 'Use', 'Options', 'Errors', 'Security', 'Sources'] },
  rootReadmeLines: 150,
}
