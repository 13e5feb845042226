import { expect, test } from 'vitest'
import { SetBackWatch } from '../src/set-back.js'

test('a clock that was set back is told by how much, once', () => {
  const watch = new SetBackWatch()
  expect([1_000, 2_000, 2_000, 500, 500, 499].map((now) => watch.look(now))).toEqual([0, 0, 0, 1_500, 0, 1])
})

test('a look that gives no number is none: what was seen before counts', () => {
  const watch = new SetBackWatch()
  expect([2_000, Number.NaN, 500].map((now) => watch.look(now))).toEqual([0, 0, 1_500])
})
