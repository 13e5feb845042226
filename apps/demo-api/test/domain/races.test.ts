import { testApp } from './api.js'
import { raceSuite } from './suites/races.js'

raceSuite(testApp)
