import { Type } from 'typebox'
import { type AnyRoute, answer, route } from '../http/route.js'

/** The OpenAPI 3.1 document; `document` is asked at the first request, when all routes are known. */
export function openApiRoutes({ document }: { readonly document: () => object }): readonly AnyRoute[] {
  let text: string | undefined
  return [
    route({
      method: 'GET',
      url: '/openapi.json',
      summary: 'This API as OpenAPI 3.1',
      permission: 'public',
      limit: 'edge',
      produces: 'application/json; charset=utf-8',
      schema: { response: { 200: Type.String() } },
      handler: () => {
        text ??= JSON.stringify(document())
        return answer(200, text)
      },
    }),
  ]
}
