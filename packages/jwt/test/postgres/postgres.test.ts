import { test } from 'vitest'
import { postgres } from './databases.js'
import { describeStores } from './stores.js'

const { DATABASE_URL: url } = process.env

if (url === undefined) test('PostgreSQL', (ctx) => ctx.skip('needs a PostgreSQL server: set DATABASE_URL'))
else describeStores('PostgreSQL', () => postgres(url))
