import { Type } from 'typebox'
import { Problem, type ProblemCode, problemStatus } from '../http/problem.js'
import { problemText } from '../http/problem-text.js'
import { type AnyRoute, answer, route } from '../http/route.js'
import { Closed } from './schemas.js'

const Page = Type.String()
const html = 'text/html; charset=utf-8'

/** A page for each problem, at the address that its `type` is, and the plain front page. */
export function pageRoutes(): readonly AnyRoute[] {
  return [
    route({
      method: 'GET',
      url: '/',
      summary: 'What this is and where to look',
      permission: 'public',
      limit: 'edge',
      produces: html,
      schema: { response: { 200: Page } },
      handler: () => answer(200, frontPage),
    }),
    route({
      method: 'GET',
      url: '/problems',
      summary: 'Every problem there is, by status',
      permission: 'public',
      limit: 'edge',
      produces: html,
      schema: { response: { 200: Page } },
      handler: () => answer(200, indexPage),
    }),
    route({
      method: 'GET',
      url: '/problems/:code',
      summary: 'Cause and remedy of a problem',
      permission: 'public',
      limit: 'edge',
      produces: html,
      schema: {
        params: Closed({
          code: Type.String({ maxLength: 64, description: 'The last part of the `type` of a problem.' }),
        }),
        response: { 200: Page },
      },
      handler: ({ params }) => {
        const page = pages.get(params.code)
        if (page === undefined) throw new Problem('not-found')
        return answer(200, page)
      },
    }),
  ]
}

/** Made of fixed sentences once, so that nothing of a request can be in them. */
function page(title: string, paragraphs: readonly string[]): string {
  const body = [`<h1>${escaped(title)}</h1>`, ...paragraphs.map((text) => `<p>${text}</p>`)].join('\n')
  return `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>${escaped(title)}</title>\n${body}\n</html>\n`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

const pages: ReadonlyMap<string, string> = new Map(
  Object.entries(problemStatus).map(([code, status]) => {
    const { title, cause, remedy } = problemText[code as ProblemCode]
    return [code, page(title, [`<code>${code}</code>, status ${status}.`, escaped(cause), escaped(remedy)])]
  }),
)

const indexPage = page(
  'Problems',
  Object.entries(problemStatus).map(
    ([code, status]) =>
      `${status} <a href="/problems/${code}">${code}</a>: ${escaped(problemText[code as ProblemCode].title)}.`,
  ),
)

const frontPage = page('FinCode API', [
  'A multi-tenant payments service over HTTPS.',
  [
    '<a href="/openapi.json">OpenAPI document</a>',
    '<a href="/problems">Problems</a>',
    '<a href="/health/ready">Health</a>',
    '<a href="/.well-known/jwks.json">Keys</a>',
    '<a href="/.well-known/security.txt">Reporting a vulnerability</a>',
  ].join(' · '),
])
