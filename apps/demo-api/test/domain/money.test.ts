import { testApp } from './api.js'
import { moneySuite } from './suites/money.js'

moneySuite(testApp)
