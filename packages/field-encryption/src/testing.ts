/**
 * For tests, never for production: a keyring in memory, and the primitives that published vectors run against.
 *
 * @module
 */
import type { BackendName } from './backend.js'
import { createLocalKeyEncryptionKey } from './key-encryption-key.js'
import { addDataKey } from './key-record.js'
import { createKeyring, type Keyring } from './keyring.js'
import { checkOptions, type Mode } from './options.js'

export { createPrimitives, type Primitives } from './primitives.js'

/** One active data key under a random KEK, both held in memory only. */
export function createTestKeyring(options: { readonly backend: 'webcrypto' }): Promise<Keyring<'async'>>
export function createTestKeyring(options?: { readonly backend?: 'auto' | 'node' | 'noble' }): Promise<Keyring<'sync'>>
export async function createTestKeyring(
  options: { readonly backend?: 'auto' | BackendName } = {},
): Promise<Keyring<Mode>> {
  checkOptions('createTestKeyring', options, ['backend'])
  const { backend = 'auto' } = options
  const key = globalThis.crypto.getRandomValues(new Uint8Array(32))
  const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'test', key })
  const records = await addDataKey([], { keyEncryptionKey })
  const load = { keyEncryptionKeys: [keyEncryptionKey], loadKeys: async () => records }
  return backend === 'webcrypto' ? createKeyring({ ...load, backend }) : createKeyring({ ...load, backend })
}
