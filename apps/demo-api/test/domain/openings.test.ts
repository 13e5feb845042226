import { testApp } from './api.js'
import { openingsSuite } from './suites/openings.js'

openingsSuite(testApp)
