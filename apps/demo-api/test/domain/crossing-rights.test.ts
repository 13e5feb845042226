import { testApp } from './api.js'
import { crossingRightsSuite } from './suites/crossing-rights.js'

crossingRightsSuite(testApp)
