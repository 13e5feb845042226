import { Problem } from '../http/problem.js'

const deadlineMs = 30_000

/**
 * What `work` comes to, or a refusal after 30 seconds. For what requests share: a query that is never answered would
 * otherwise hold up everyone who waits for the same keys until the process is started again.
 *
 * @throws {Problem} `database-unavailable`
 */
export async function beforeDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Problem('database-unavailable')), deadlineMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
