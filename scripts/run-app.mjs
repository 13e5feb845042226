// Builds one app and what it stands on, then runs it: `node scripts/run-app.mjs demo-api [arguments]`.
import { root, run, tool } from './process.mjs'

const [app, ...args] = process.argv.slice(2)
const wanted = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < wanted[0] || (major === wanted[0] && minor < wanted[1])) {
  console.error(`Node ${wanted.join('.')} or newer is needed, this is ${process.versions.node}.`)
  process.exit(1)
}

const helpOnly = args.includes('--help')
if (!helpOnly) console.error(`Building ${app} and the packages it uses …`)
const started = performance.now()
const build = await tool('turbo', ['run', 'build', `--filter=@coffer/${app}`, '--output-logs=errors-only'], {
  print: false,
  keep: true,
})
if (build.code !== 0) {
  console.error(build.output)
  process.exit(build.code)
}
if (!helpOnly) console.error(`Built in ${((performance.now() - started) / 1000).toFixed(1)} s.`)

const { code } = await run(process.execPath, [`${root}apps/${app}/dist/main.js`, ...args], { input: true })
process.exitCode = code
