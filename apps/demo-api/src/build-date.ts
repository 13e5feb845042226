import { readFile } from 'node:fs/promises'
import { refuse } from './start-error.js'

/**
 * A clock that shows a time before this software was built is wrong, and every expiry with it.
 *
 * @throws {StartError} naming the system clock.
 */
export async function checkBuildDate(now: number): Promise<void> {
  const text = await readFile(new URL('./build-date.txt', import.meta.url), 'utf8').catch(() => undefined)
  if (text !== undefined && now < Date.parse(text.trim())) refuse('system clock', 'is before the date of this build')
}
