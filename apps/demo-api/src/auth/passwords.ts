import { availableParallelism } from 'node:os'
import { hash, type Options, verify } from '@node-rs/argon2'
import { Problem } from '../http/problem.js'

/** argon2id at 46 MiB, one pass, one lane (OWASP's first choice): RFC 9106 form, PHC string. */
const parameters: Options = { algorithm: 2, memoryCost: 47_104, timeCost: 1, parallelism: 1 }

/** Password hashing off the event loop, with a bound on what may wait for it. */
export interface Passwords {
  /** @throws {Problem} `overloaded`, before any work, when the queue is full. */
  hash(password: string): Promise<string>
  /** Compares with a stored hash; with `null`, does the same work on a fixed hash and answers false. */
  verify(stored: string | null, password: string): Promise<boolean>
}

export interface PasswordOptions {
  /** Hashes at once. Default: one a core. */
  readonly concurrency?: number
  /** Callers that may wait. Default 32. */
  readonly maxWaiting?: number
}

/** Makes the hasher, and the fixed hash that an unknown account is compared with. */
export async function createPasswords(options: PasswordOptions = {}): Promise<Passwords> {
  const { concurrency = availableParallelism(), maxWaiting = 32 } = options
  const waiting: (() => void)[] = []
  let running = 0

  async function bounded<T>(work: () => Promise<T>): Promise<T> {
    if (running >= concurrency) {
      if (waiting.length >= maxWaiting) throw new Problem('overloaded', { retryAfterSeconds: 1 })
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    } else {
      running += 1
    }
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  const nobody = await hash(crypto.randomUUID(), parameters)
  return {
    hash: (password) => bounded(() => hash(password.normalize('NFC'), parameters)),
    async verify(stored, password) {
      const matches = await bounded(() => verify(stored ?? nobody, password.normalize('NFC')))
      return matches && stored !== null
    },
  }
}

/** What a new password may not contain: the person's own names in this product. */
export interface PasswordContext {
  readonly email: string
  readonly tenant: string
}

/** 12 to 128 characters with letters and digits (PCI DSS 8.3.6), holding neither e-mail, tenant nor product name. */
export function isAcceptablePassword(password: string, { email, tenant }: PasswordContext): boolean {
  const text = password.normalize('NFC')
  const length = [...text].length
  if (length < 12 || length > 128 || !/\p{L}/u.test(text) || !/\p{Nd}/u.test(text)) return false
  const lower = text.toLowerCase()
  const [mailbox = ''] = email.toLowerCase().split('@')
  return ![mailbox, tenant.toLowerCase(), 'fincode'].some((word) => word.length >= 3 && lower.includes(word))
}
