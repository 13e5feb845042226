import { testApp } from './api.js'
import { rotationSuite } from './suites/rotation.js'

rotationSuite(testApp)
