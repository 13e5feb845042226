import { testApp } from './api.js'
import { authZenSuite } from './suites/authzen.js'

authZenSuite(testApp)
