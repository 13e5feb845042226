import type { AnyRoute } from '../http/route.js'
import { assignmentRoutes } from './assignments.js'
import { authRoutes } from './auth.js'
import { authZenRoutes } from './authzen.js'
import { cardNumberRoutes } from './card-numbers.js'
import { cardRoutes } from './cards.js'
import { customerRoutes } from './customers.js'
import type { RouteDependencies } from './dependencies.js'
import { keyRoutes } from './keys.js'
import { meRoutes } from './me.js'
import { oauthRoutes } from './oauth.js'
import { openingRoutes } from './openings.js'
import { paymentRoutes } from './payments.js'
import { policyRoutes } from './policy.js'
import { tenantRoutes } from './tenant.js'
import { userRoutes } from './users.js'

/** Every route under `/v1` and `/access/v1`. */
export function domainRoutes(dependencies: RouteDependencies): readonly AnyRoute[] {
  return [
    authRoutes,
    oauthRoutes,
    meRoutes,
    tenantRoutes,
    userRoutes,
    assignmentRoutes,
    policyRoutes,
    authZenRoutes,
    customerRoutes,
    cardRoutes,
    cardNumberRoutes,
    paymentRoutes,
    keyRoutes,
    openingRoutes,
  ].flatMap((routes) => routes(dependencies))
}
