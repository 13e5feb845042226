/** How large is the package in a bundle, without jose. */
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { report } from './support.js'

async function size(entry: string): Promise<void> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['jose'],
    write: false,
  })
  const code = outputFiles[0]?.contents
  if (code === undefined || code.length < 1_000) throw new Error('nothing was bundled')
  const name = entry.replace(" from '@coffer/jwt'", '')
  report({ bench: `KiB, minified: ${name}`, ratio: code.length / 1_024 })
  report({ bench: `KiB, minified and gzipped: ${name}`, ratio: gzipSync(code, { level: 9 }).length / 1_024 })
}

await size("export * from '@coffer/jwt'")
await size("export { createVerifier, remoteKeys } from '@coffer/jwt'")
await size("export { createVerifier, staticKeys } from '@coffer/jwt'")
