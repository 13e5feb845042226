import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { SampleCredential, TourGreeting, TourReply, TourRequest, TourValue } from '@coffer/demo-api/tour-protocol'
import { people, personVariables } from '../credentials.js'
import { ServerFailure } from '../failures.js'
import type { RawRow, TourServer } from './server.js'

/** A server that does not end by itself in this time is ended. Longer than it waits for what is running. */
const stopMs = 12_000

/** The tenant that the tour belongs to; the other one is its neighbour. */
const homeTenant = 'acme'

/** Starts the demo API in a process of its own, everything in memory, and waits until it listens. */
export async function startOwnServer(signal: AbortSignal): Promise<TourServer> {
  const entry = fileURLToPath(import.meta.resolve('@coffer/demo-api/main-tour'))
  const child = fork(entry, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const ended = once(child, 'exit')
  const channel = openChannel(child)
  try {
    const ready = await untilAborted(channel.greeting, signal)
    return {
      baseUrl: ready.baseUrl,
      ca: ready.ca,
      environment: environmentOf(ready.credentials),
      forward: async (ms) => void (await channel.ask({ ask: 'forward', ms })),
      row: async (table, rowId) => rowOf(await channel.ask({ ask: 'row', table, rowId })),
      cardNumbers: async () => textsOf(await channel.ask({ ask: 'card-numbers' })),
      dump: async () => textsOf(await channel.ask({ ask: 'dump' })),
      stop: async () => {
        const timer = setTimeout(() => child.kill('SIGKILL'), stopMs)
        await channel.ask({ ask: 'stop' }).catch(() => child.kill('SIGKILL'))
        await ended
        clearTimeout(timer)
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    await ended
    throw error
  }
}

type Ready = Extract<TourGreeting, { kind: 'ready' }>
type Question = TourRequest extends infer R ? (R extends TourRequest ? Omit<R, 'id'> : never) : never

interface Channel {
  readonly greeting: Promise<Ready>
  ask(question: Question): Promise<TourValue>
}

/** Numbers the questions and finds their answers. What is still open when the server ends is refused. */
function openChannel(child: ChildProcess): Channel {
  const open = new Map<number, { resolve(value: TourValue): void; reject(error: Error): void }>()
  let lastId = 0
  let failure: ServerFailure | undefined
  let greet: (ready: Ready) => void = () => undefined
  let refuse: (error: Error) => void = () => undefined
  const greeting = new Promise<Ready>((resolve, reject) => {
    greet = resolve
    refuse = reject
  })
  const end = (reason: string) => {
    failure ??= new ServerFailure(reason)
    refuse(failure)
    for (const { reject } of open.values()) reject(failure)
    open.clear()
  }

  child.on('message', (message) => {
    if (!isProtocol(message)) return
    if (message.kind === 'ready') return greet(message)
    if (message.kind === 'failed') return end(message.message)
    const question = open.get(message.id)
    open.delete(message.id)
    if (message.kind === 'reply') question?.resolve(message.value)
    else question?.reject(new ServerFailure(message.message))
  })
  child.on('error', () => end('cannot be started'))
  child.on('exit', (code, by) => end(`ended with ${by ?? `code ${code}`}`))

  return {
    greeting,
    ask: (question) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        lastId += 1
        open.set(lastId, { resolve, reject })
        child.send({ ...question, id: lastId })
      }),
  }
}

const kinds: ReadonlySet<unknown> = new Set(['ready', 'failed', 'reply', 'refused'])

/** The child is this repository's own code: a message of a known kind has that kind's shape. */
function isProtocol(message: unknown): message is TourGreeting | TourReply {
  return typeof message === 'object' && message !== null && 'kind' in message && kinds.has(message.kind)
}

function rowOf(value: TourValue): RawRow {
  if (value === null || isTexts(value)) throw new ServerFailure('answered with no row')
  return value
}

function textsOf(value: TourValue): readonly string[] {
  if (value === null || !isTexts(value)) throw new ServerFailure('answered with no texts')
  return value
}

const isTexts = (value: RawRow | readonly string[]): value is readonly string[] => Array.isArray(value)

/** The sample credentials as the environment of a deployed client would hold them. */
function environmentOf(credentials: readonly SampleCredential[]): Readonly<Record<string, string>> {
  const environment: Record<string, string> = {}
  for (const sample of credentials) {
    const home = sample.tenant === homeTenant
    if (sample.kind === 'api-token') {
      if (home) Object.assign(environment, { FINCODE_API_TOKEN_ID: sample.tokenId, FINCODE_API_TOKEN: sample.apiToken })
      continue
    }
    const role = home ? sample.role : sample.role === 'maker' ? 'neighbour' : `neighbour_${sample.role}`
    const name = people.find((one) => one === role)
    if (name === undefined) continue
    const [email, password] = personVariables(name)
    environment[email] = sample.email
    environment[password] = sample.password
  }
  return environment
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new ServerFailure('interrupted'))
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
