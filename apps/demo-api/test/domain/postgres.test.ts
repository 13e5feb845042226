import { afterAll, describe, test } from 'vitest'
import { databasesOn } from './server.js'
import { authorizationGrid } from './suites/authorization-grid.js'
import { authZenSuite } from './suites/authzen.js'
import { crossingRightsSuite } from './suites/crossing-rights.js'
import { databaseSuite } from './suites/database.js'
import { listSuite } from './suites/lists.js'
import { moneySuite } from './suites/money.js'
import { peopleSuite } from './suites/people.js'
import { raceSuite } from './suites/races.js'
import { tokenSuite } from './suites/tokens.js'

const { DATABASE_URL: server } = process.env

if (server === undefined) {
  test('the suites on a PostgreSQL server', (context) => context.skip('needs a PostgreSQL: set DATABASE_URL'))
} else {
  const databases = databasesOn(server)
  afterAll(() => databases.drop())
  describe('on PostgreSQL', () => {
    describe('money', () => moneySuite(databases.app))
    describe('people', () => peopleSuite(databases.app))
    describe('tokens', () => tokenSuite(databases.app))
    describe('races', () => raceSuite(databases.app))
    describe('crossing rights', () => crossingRightsSuite(databases.app))
    describe('AuthZEN', () => authZenSuite(databases.app))
    describe('lists', () => listSuite(databases.app))
    describe('database', () => databaseSuite(databases.app))
    describe('authorization grid', () => authorizationGrid(databases.app))
  })
}
