import { systemClock } from '@coffer/lease'
import type { KillPoint } from '@coffer/token-cache/testing'
import type { Worker, WorkerFactory } from './fork.js'
import { serveIssuer } from './issuer-server.js'
import type { StoreAddress } from './open-store.js'

export interface FleetOptions {
  readonly workers: WorkerFactory
  readonly store: StoreAddress
  readonly processes: number
  /** Token requests that the issuer must have answered before the kills end. */
  readonly expiries: number
  /** Stop some instead of killing them, until their lease is another's: slow. */
  readonly stops: boolean
  readonly random: () => number
}

/** What became of a fleet, counted at the issuer and by its parent. */
export interface FleetFigures {
  readonly expiries: number
  readonly presentedAgain: number
  readonly familiesRevoked: number
  readonly logins: number
  /** Processes killed, and processes stopped until their lease was another's. */
  readonly killed: number
  readonly stopped: number
  /** Those of them that were in the middle of a refresh, by the step. */
  readonly atSteps: Readonly<Record<string, number>>
  /** Answers for which nobody waited any more. */
  readonly unanswered: number
  /** Codes that say that a person must act. */
  readonly terminal: readonly string[]
  /** Processes that held a token of after the last kill, without help. */
  readonly recovered: number
  readonly seconds: number
}

interface Member {
  readonly worker: Worker
  stopped: boolean
  token: string | undefined
}

const points: readonly KillPoint[] = [
  'after-acquire',
  'before-intend',
  'after-intend',
  'before-commit',
  'after-commit',
  'before-release',
]
/** The worker's time-out and the margin of the protocol, and a second. */
const beyondLeaseMs = 7_000
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Processes on one store and one rotating refresh token, killed and stopped at random and in mid-refresh. */
export async function runFleet(options: FleetOptions): Promise<FleetFigures> {
  const { workers, store, processes, expiries, stops, random } = options
  const server = await serveIssuer({ clock: systemClock, rotation: 'strict', ttlMs: 3_000 })
  const started = Date.now()
  const members = new Set<Member>()
  const terminal: string[] = []
  const atSteps: Record<string, number> = {}
  let killed = 0
  let stopped = 0
  let over = false

  const start = (point: KillPoint | undefined): Member => {
    const worker = workers.start({ url: server.url, rotation: 'strict', store, point, loop: true })
    const member: Member = { worker, stopped: false, token: undefined }
    worker.child.on('message', (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('type' in message)) return
      if (message.type === 'at-point') interrupt(member, point ?? 'none')
      if (!('text' in message)) return
      if (message.type === 'token') member.token = String(message.text)
      else if ('terminal' in message && message.terminal === true) terminal.push(String(message.text))
    })
    members.add(member)
    return member
  }
  const replace = (member: Member): void => {
    member.worker.child.kill('SIGKILL')
    members.delete(member)
    killed += 1
    start(random() < 0.4 ? points[Math.floor(random() * points.length)] : undefined)
  }
  const pause = (member: Member): void => {
    member.stopped = true
    stopped += 1
    member.worker.child.kill('SIGSTOP')
    setTimeout(() => {
      member.worker.child.kill('SIGCONT')
      member.worker.child.send('resume', () => {})
      member.stopped = false
    }, beyondLeaseMs)
  }
  const interrupt = (member: Member, step: string): void => {
    if (over) member.worker.child.send('resume', () => {})
    if (over || member.stopped || !members.has(member)) return
    atSteps[step] = (atSteps[step] ?? 0) + 1
    if (!stops || random() < 0.5) replace(member)
    else pause(member)
  }
  server.onRequest = async (stage, from) => {
    if (over || random() >= 0.08) return
    for (const member of members) if (member.worker.child.pid === from) interrupt(member, stage)
  }

  try {
    for (let index = 0; index < processes; index += 1)
      start(index % 5 === 4 ? points[index % points.length] : undefined)
    const deadline = started + 60_000 + expiries * 15_000
    while (server.exchanges.length < expiries && Date.now() < deadline) {
      await sleep(500 + random() * 2_000)
      const running = [...members].filter((member) => !member.stopped)
      const victim = running[Math.floor(random() * running.length)]
      if (victim === undefined) continue
      if (!stops || random() < 0.75) replace(victim)
      else pause(victim)
    }
    over = true
    for (const { worker } of members) worker.child.send('resume', () => {})
    const reached = server.exchanges.length
    while ([...members].some((member) => member.stopped)) await sleep(100)
    for (const member of members) member.token = undefined
    const lastBefore = server.exchanges.length
    const patience = Date.now() + 60_000
    const recovered = (): number => [...members].filter(({ token }) => token !== undefined).length
    // A token that all share may be of the exchange before: theirs is a recovery once the issuer has been asked again.
    const askedAgain = (): boolean => server.exchanges.length > lastBefore
    while (!(askedAgain() && recovered() >= processes) && Date.now() < patience) await sleep(250)
    const { presentedAgain, familiesRevoked, logins } = server.issuer.counts()
    return {
      expiries: reached,
      presentedAgain,
      familiesRevoked,
      logins,
      killed,
      stopped,
      atSteps,
      unanswered: server.exchanges.filter(({ answered }) => !answered).length,
      terminal,
      recovered: askedAgain() ? recovered() : 0,
      seconds: Math.round((Date.now() - started) / 1_000),
    }
  } finally {
    over = true
    for (const { worker } of members) worker.child.kill('SIGKILL')
    await server.close()
  }
}
