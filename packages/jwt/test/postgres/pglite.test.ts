import { pglite } from './databases.js'
import { describeStores } from './stores.js'

describeStores('PGlite', pglite)
