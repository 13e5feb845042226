// PostgreSQL and Redis for the suites that talk to a real one: the one we are told of, else a throwaway one
// started from the binaries found here, else none.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file))

const debianPostgres = () => {
  const folder = '/usr/lib/postgresql'
  if (!existsSync(folder)) return undefined
  const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a))
  return versions.map((version) => join(folder, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')))
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const until = async (ready, child, name) => {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    if (child.exitCode !== null) break
    if (ready()) return
    await new Promise((resume) => setTimeout(resume, 100))
  }
  throw new Error(`${name} did not start`)
}

const answers = (command, args, options) => {
  try {
    execFileSync(command, args, { stdio: 'ignore', timeout: 5_000, ...options })
    return true
  } catch {
    return false
  }
}

/** PostgreSQL refuses to run as root, so root hands it to the user that Debian's package makes. */
const unprivileged = () => {
  if (process.getuid?.() !== 0) return {}
  try {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] })),
    )
    return { uid, gid }
  } catch {
    return undefined
  }
}

async function startPostgres() {
  const bin = debianPostgres() ?? onPath('initdb')?.replace(/\/initdb$/, '')
  const identity = unprivileged()
  if (!bin || !identity) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'coffer-postgres-'))
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid)
  const port = await freePort()
  const data = join(folder, 'data')
  execFileSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'coffer', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    {
      stdio: 'ignore',
      cwd: folder,
      ...identity,
    },
  )
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    max_connections: 200,
    fsync: 'off',
  }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const child = spawn(join(bin, 'postgres'), ['-D', data, ...args], { stdio: 'ignore', cwd: folder, ...identity })
  await until(() => answers(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]), child, 'PostgreSQL')
  const version =
    execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).match(/\d+/)?.[0] ?? 'unknown'
  return {
    name: `postgresql-${version}`,
    env: { DATABASE_URL: `postgresql://coffer@127.0.0.1:${port}/postgres` },
    stop: () => end(child, 'SIGINT', folder),
  }
}

async function startRedis() {
  const server = onPath('redis-server')
  if (!server) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'coffer-redis-'))
  const port = await freePort()
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  const child = spawn(server, args, { stdio: 'ignore' })
  const client = onPath('redis-cli')
  await until(() => !client || answers(client, ['-p', String(port), 'ping']), child, 'Redis')
  return { name: 'redis', env: { REDIS_URL: `redis://127.0.0.1:${port}` }, stop: () => end(child, 'SIGTERM', folder) }
}

const end = async (child, signal, folder) => {
  const closed = new Promise((resolve) => child.once('close', resolve))
  if (child.exitCode === null) {
    child.kill(signal)
    await closed
  }
  rmSync(folder, { recursive: true, force: true })
}

/**
 * @returns {Promise<{ env: Record<string, string>, names: string[], missing: string[], stop: () => Promise<void> }>}
 *   `names` is what the suites will find, `missing` one sentence for each that they will not.
 */
export async function startServices() {
  const services = []
  const names = []
  const missing = []
  const wanted = [
    {
      variable: 'DATABASE_URL',
      title: 'PostgreSQL',
      needs: 'a server given by DATABASE_URL, or the postgresql package',
      start: startPostgres,
    },
    {
      variable: 'REDIS_URL',
      title: 'Redis',
      needs: 'a server given by REDIS_URL, or the redis-server package',
      start: startRedis,
    },
  ]
  for (const { variable, title, needs, start } of wanted) {
    if (process.env[variable]) {
      names.push(`${title} given`)
      continue
    }
    const service = await start()
    if (service) {
      services.push(service)
      names.push(service.name)
    } else missing.push(`suites on a real ${title} need ${needs}`)
  }
  const env = Object.assign({}, ...services.map((service) => service.env))
  const stop = async () => {
    for (const service of services.splice(0)) await service.stop()
  }
  return { env, names, missing, stop }
}
