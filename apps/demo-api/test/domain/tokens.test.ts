import { testApp } from './api.js'
import { tokenSuite } from './suites/tokens.js'

tokenSuite(testApp)
