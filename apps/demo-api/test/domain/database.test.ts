import { testApp } from './api.js'
import { databaseSuite } from './suites/database.js'

databaseSuite(testApp)
