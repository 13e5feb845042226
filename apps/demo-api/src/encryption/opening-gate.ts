import type { DecryptEvent } from '@coffer/field-encryption'
import type { Purpose } from './purposes.js'

export type OpeningEvent = DecryptEvent<Purpose>

/**
 * Where the ciphers report what they open. Nothing opens unless someone listens: a decrypt outside {@link within} fails
 * in its hook, so a route that forgets to be recorded shows nothing.
 */
export interface OpeningGate {
  readonly onDecrypt: (event: OpeningEvent) => void
  /** Runs `work`, which is synchronous as the ciphers are, and hands each opening in it to `listen`. */
  within<T>(listen: (event: OpeningEvent) => void, work: () => T): T
}

export function createOpeningGate(): OpeningGate {
  let listener: ((event: OpeningEvent) => void) | null = null
  return {
    onDecrypt: (event) => {
      if (listener === null) throw new Error('a field is opened where nobody records it')
      listener(event)
    },
    within: (listen, work) => {
      const outer = listener
      listener = listen
      try {
        return work()
      } finally {
        listener = outer
      }
    },
  }
}
