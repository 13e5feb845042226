/**
 * A keyring in memory for tests. Never for production: its key is gone with the process.
 *
 * @module
 */
import { createLocalKeyEncryptionKey } from './key-encryption-key.js'
import { addDataKey } from './key-record.js'
import { createKeyring, type Keyring } from './keyring.js'
import { checkOptions } from './options.js'

/** One active data key under a random KEK, both held in memory only. */
export async function createTestKeyring(
  options: { readonly backend?: 'auto' | 'node' | 'noble' } = {},
): Promise<Keyring<'sync'>> {
  checkOptions('createTestKeyring', options, ['backend'])
  const { backend = 'auto' } = options
  const key = globalThis.crypto.getRandomValues(new Uint8Array(32))
  const keyEncryptionKey = createLocalKeyEncryptionKey({ id: 'test', key })
  const records = await addDataKey([], { keyEncryptionKey })
  return createKeyring({ keyEncryptionKeys: [keyEncryptionKey], loadKeys: async () => records, backend })
}
