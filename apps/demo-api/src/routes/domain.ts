import type { AnyRoute } from '../http/route.js'
import { assignmentRoutes } from './assignments.js'
import { authRoutes } from './auth.js'
import { authZenRoutes } from './authzen.js'
import { cardRoutes } from './cards.js'
import { customerRoutes } from './customers.js'
import type { RouteDependencies } from './dependencies.js'
import { meRoutes } from './me.js'
import { oauthRoutes } from './oauth.js'
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
    paymentRoutes,
  ].flatMap((routes) => routes(dependencies))
}
