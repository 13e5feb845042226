import { testApp } from './api.js'
import { authorizationGrid } from './suites/authorization-grid.js'

authorizationGrid(testApp)
