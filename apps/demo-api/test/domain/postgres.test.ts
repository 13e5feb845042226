import pg from 'pg'
import { afterAll, describe, test } from 'vitest'
import { type TestAppOptions, testApp } from './api.js'
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
const made: string[] = []

async function onServer(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(text)
  await client.end()
}

/** The API over a database of its own on the server that DATABASE_URL names. */
async function serverApp(options: TestAppOptions) {
  const name = `coffer_test_${crypto.randomUUID().replaceAll('-', '')}`
  await onServer(`create database ${name}`)
  made.push(name)
  const url = new URL(server ?? '')
  url.pathname = `/${name}`
  return testApp({ ...options, database: { kind: 'server', url: url.href } })
}

if (server === undefined) {
  test('the suites on a PostgreSQL server', (context) => context.skip('needs a PostgreSQL: set DATABASE_URL'))
} else {
  afterAll(async () => {
    for (const name of made) await onServer(`drop database if exists ${name} with (force)`)
  })
  describe('on PostgreSQL', () => {
    describe('money', () => moneySuite(serverApp))
    describe('people', () => peopleSuite(serverApp))
    describe('tokens', () => tokenSuite(serverApp))
    describe('races', () => raceSuite(serverApp))
    describe('crossing rights', () => crossingRightsSuite(serverApp))
    describe('AuthZEN', () => authZenSuite(serverApp))
    describe('lists', () => listSuite(serverApp))
    describe('database', () => databaseSuite(serverApp))
    describe('authorization grid', () => authorizationGrid(serverApp))
  })
}
