import { afterAll, describe, test } from 'vitest'
import { databasesOn } from './server.js'
import { openingsSuite } from './suites/openings.js'
import { rotationSuite } from './suites/rotation.js'
import { twoProcessesSuite } from './suites/two-processes.js'

const { DATABASE_URL: server } = process.env

if (server === undefined) {
  test('keys and openings on a PostgreSQL server', (context) => context.skip('needs a PostgreSQL: set DATABASE_URL'))
} else {
  const databases = databasesOn(server)
  afterAll(() => databases.drop())
  describe('on PostgreSQL', () => {
    describe('rotation', () => rotationSuite(databases.app))
    describe('openings', () => openingsSuite(databases.app))
    describe('two processes', () => twoProcessesSuite(databases.create))
  })
}
