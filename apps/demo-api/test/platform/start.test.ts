import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../src/db/connect.js'
import { openDatabase } from '../../src/db/open.js'
import { systemClock } from '../../src/http/request-context.js'
import { freePort } from '../http/client.js'
import { builtEntry, type Outcome, startProcess } from './built.js'

const waitMs = 120_000
let entry: string
let folder: string
/** A directory with a whole, seeded database: made by the first test, used by those after it. */
let used: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'coffer-start-'))
  used = join(folder, 'used')
  entry = builtEntry('main')
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function refused(env: Readonly<Record<string, string>>, nodeArgs: readonly string[] = []): Promise<Outcome> {
  return startProcess(entry, { HTTPS_PORT: String(await freePort()), ...env }, nodeArgs).ended
}

function expectMisconfigured({ code, stdout, stderr }: Outcome, message: RegExp): void {
  expect(stderr).toMatch(message)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect([code, stdout]).toEqual([78, ''])
}

describe('the demo', () => {
  it('starts in an empty directory, prints lines that work as printed, and stops in order', {
    timeout: waitMs,
  }, async ({ skip }) => {
    const port = await freePort()
    const demo = startProcess(entry, { DATA_DIR: used, HTTPS_PORT: String(port) })
    const printed = await demo.printed('Ctrl-C stops.')
    expect(printed).toContain(`https://localhost:${port}`)
    for (const role of ['owner', 'admin', 'maker', 'checker', 'support', 'auditor', 'integration'])
      expect(printed).toContain(role)

    const second = await startProcess(entry, { DATA_DIR: used, HTTPS_PORT: String(await freePort()) }).ended
    expectMisconfigured(second, /DATA_DIR: is in use by process \d+/)

    const lines = printed.split('\n').filter((line) => line.startsWith('  curl '))
    expect(lines).toHaveLength(3)
    const hasCurl = spawnSync('curl', ['--version']).status === 0
    const answers = hasCurl ? lines.map((line) => execFileSync('sh', ['-c', line], { encoding: 'utf8' })) : []

    demo.signal('SIGTERM')
    expect((await demo.ended).code).toBe(0)
    expect(existsSync(join(used, 'lock'))).toBe(false)

    skip(!hasCurl, 'needs curl to run the printed lines')
    expect(JSON.parse(answers[0] ?? '')).toEqual({ status: 'ready' })
    expect(JSON.parse(answers[1] ?? '')).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) })
    expect(JSON.parse(answers[2] ?? '')).toMatchObject({
      data: [{ id: expect.stringMatching(/^pay_/) }, {}],
      has_more: true,
    })
  })

  it('starts again on the same directory with the same credentials; a second signal ends it at once', {
    timeout: waitMs,
  }, async () => {
    const demo = startProcess(entry, { DATA_DIR: used, HTTPS_PORT: String(await freePort()) })
    expect(await demo.printed('Ctrl-C stops.')).toContain('owner.acme@example.com')
    demo.signal('SIGINT')
    await demo.printed('Stopping')
    demo.signal('SIGINT')
    expect([0, 1]).toContain((await demo.ended).code)
  })

  it('starts ten years later: its data keys renew themselves, and everything stored still opens', {
    timeout: waitMs,
  }, async ({ skip }) => {
    const ahead = 'data:text/javascript,const now=Date.now;Date.now=()=>now()+315360000000'
    const env = { DATA_DIR: used, HTTPS_PORT: String(await freePort()) }
    const demo = startProcess(entry, env, ['--import', ahead])
    const printed = await demo.printed('Ctrl-C stops.')
    const login = printed.split('\n').find((line) => line.startsWith('  curl ') && line.includes('/v1/auth/login'))
    const hasCurl = spawnSync('curl', ['--version']).status === 0
    // The certificate of that day is not valid yet for curl.
    const run = (line: string) => JSON.parse(execFileSync('sh', ['-c', line], { encoding: 'utf8' }))
    const { access_token: token } = hasCurl ? run((login ?? '').replace('curl ', 'curl -k ')) : {}
    const url = `https://localhost:${env.HTTPS_PORT}/v1/payments?limit=2`
    const payments = hasCurl ? run(`curl -sk -H 'Authorization: Bearer ${token}' '${url}'`) : {}
    demo.signal('SIGTERM')
    expect((await demo.ended).code).toBe(0)
    skip(!hasCurl, 'needs curl to run the printed lines')
    expect(payments.data).toEqual(Array(2).fill(expect.objectContaining({ amount: expect.any(Number) })))
  })
})

describe('a start is refused with 78 and one line that names', { timeout: waitMs }, () => {
  it('HTTPS_PORT, when the port is taken', { timeout: waitMs }, async () => {
    const squatter = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => squatter.once('listening', resolve))
    const { port } = squatter.address() as AddressInfo
    expectMisconfigured(
      await refused({ DATA_DIR: used, HTTPS_PORT: String(port) }),
      new RegExp(`HTTPS_PORT: ${port} is taken`),
    )
    const fresh = join(folder, 'port-taken')
    expectMisconfigured(await refused({ DATA_DIR: fresh, HTTPS_PORT: String(port) }), /HTTPS_PORT: \d+ is taken/)
    expect(existsSync(fresh)).toBe(false)
    squatter.close()
  })

  it('DATA_DIR, when no folder can be made there', async ({ skip }) => {
    skip(!existsSync('/proc/self'), 'needs a /proc')
    expectMisconfigured(await refused({ DATA_DIR: '/proc/coffer' }), /DATA_DIR: cannot be made or written/)
  })

  it('DATA_DIR, when it cannot be made', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    expectMisconfigured(await refused({ DATA_DIR: join(file, 'data') }), /DATA_DIR: cannot be made or written/)
  })

  it('DATABASE_URL, when nobody listens there; the password in it is not printed', async () => {
    const port = await freePort()
    const url = `postgresql://coffer:hunter2-secret@127.0.0.1:${port}/coffer`
    const outcome = await refused({ DATA_DIR: join(folder, 'server'), DATABASE_URL: url })
    expectMisconfigured(outcome, /DATABASE_URL: names a server that cannot be reached/)
    expect(outcome.stderr).not.toContain('hunter2')
    // Nothing was made for a database that is not there.
    expect(readdirSync(join(folder, 'server'), { recursive: true })).toEqual(['secrets'])
  })

  it('DATA_DIR, when a data key in it cannot be read', { timeout: waitMs }, async () => {
    const change = async (sql: string) => {
      const database = await connect({ kind: 'directory', path: join(used, 'database') })
      await database.transaction((connection) => connection.script(sql))
      await database.close()
    }
    const edit = (record: string) => `update app.data_keys set record = ${record} where tenant_id is null`
    await change(edit('record || \'{"state": "spent"}\''))
    expectMisconfigured(await refused({ DATA_DIR: used }), /DATA_DIR: holds a data key that cannot be read/)
    await change(edit('record || \'{"state": "active"}\''))
  })

  it('COFFER_PROFILE, when a demo is started on a database that somebody works with', { timeout: waitMs }, async () => {
    const path = join(folder, 'works')
    mkdirSync(path)
    const location = { kind: 'directory', path: join(path, 'database') } as const
    const database = await openDatabase({ location, clock: systemClock, boundLogin: false })
    await database.transaction((connection) =>
      connection.query(
        "insert into app.tenants (id, slug, name, plan, status, created_at) values (gen_random_uuid(), 'bank', 'Bank', 'scale', 'active', now())",
      ),
    )
    await database.close()
    expectMisconfigured(await refused({ DATA_DIR: path }), /COFFER_PROFILE: is to be production/)
    // Nothing of a demo is left beside it.
    expect(readdirSync(join(path, 'secrets'))).toEqual([])
  })

  it('KEK, when the database was made with another one, which then still opens it', { timeout: waitMs }, async () => {
    const outcome = await refused({ DATA_DIR: used, KEK: Buffer.alloc(32, 9).toString('base64') })
    expectMisconfigured(outcome, /KEK: is not the one this database was made with/)
    const demo = startProcess(entry, { DATA_DIR: used, HTTPS_PORT: String(await freePort()) })
    await demo.printed('Ctrl-C stops.')
    demo.signal('SIGTERM')
    expect((await demo.ended).code).toBe(0)
  })

  it('KEK, when its file is gone, and makes no other one in its place', { timeout: waitMs }, async () => {
    rmSync(join(used, 'secrets', 'kek'))
    expectMisconfigured(await refused({ DATA_DIR: used }), /KEK: is required: the database was made with one/)
    expect(readdirSync(join(used, 'secrets')).sort()).toEqual(['refresh-secret', 'sample-secret'])
  })

  it('the system clock, when it shows a time before this build', async () => {
    const past = 'data:text/javascript,const now=Date.now;Date.now=()=>now()-315360000000'
    expectMisconfigured(
      await refused({ DATA_DIR: join(folder, 'past') }, ['--import', past]),
      /system clock: is before the date of this build/,
    )
    expect(existsSync(join(folder, 'past'))).toBe(false)
  })

  it('every setting that is wrong, at once', async () => {
    const outcome = await refused({ DATA_DIR: join(folder, 'none'), HTTPS_PORT: 'x', KEK: 'y' })
    expectMisconfigured(outcome, /HTTPS_PORT: .*; KEK: /)
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })
})

describe('a fault that no setting mends', { timeout: waitMs }, () => {
  it('ends the process with 1 and one line without the message', async () => {
    // Thrown as soon as the process listens for what nobody has caught.
    const thrown = "setImmediate(()=>{throw new TypeError('pan 4111111111111111')})"
    const fault = `data:text/javascript,process.on('newListener',(name)=>{if(name==='uncaughtException')${thrown}})`
    const { code, stderr } = await refused({ DATA_DIR: join(folder, 'fault') }, ['--import', fault])
    expect([code, stderr]).toEqual([1, 'demo-api stopped: TypeError\n'])
  })
})
