import { testApp } from './api.js'
import { peopleSuite } from './suites/people.js'

peopleSuite(testApp)
