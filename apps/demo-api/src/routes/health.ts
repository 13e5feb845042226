import { Type } from 'typebox'
import { type AnyRoute, answer, route } from '../http/route.js'

const Health = Type.Object({ status: Type.String() }, { additionalProperties: false })

/** Whether the process runs, and whether it can work. Neither says why not: that is for the log. */
export function healthRoutes({ isReady }: { readonly isReady: () => Promise<boolean> }): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/health/live',
      summary: 'Whether the process runs',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Health } },
      handler: () => answer(200, { status: 'live' }),
    }),
    route({
      method: 'GET',
      url: '/health/ready',
      summary: 'Whether the process can take work',
      permission: 'public',
      limit: 'edge',
      schema: { response: { 200: Health, 503: Health } },
      handler: async () =>
        (await isReady())
          ? answer(200, { status: 'ready' })
          : answer(503, { status: 'unavailable' }, { 'retry-after': '5' }),
    }),
  ]
}
