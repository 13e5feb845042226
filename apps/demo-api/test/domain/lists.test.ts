import { testApp } from './api.js'
import { listSuite } from './suites/lists.js'

listSuite(testApp)
