import { tool } from './process.mjs'

const { code } = await tool('turbo', process.argv.slice(2), { input: true })
process.exitCode = code
