import { createFieldCipher, field } from '@coffer/field-encryption'
import { createTestKeyring } from '@coffer/field-encryption/testing'
import { paired } from './paired.js'

/** The part of the SDK used here: its own declarations do not compile with exactOptionalPropertyTypes. */
interface AwsCrypto {
  readonly CommitmentPolicy: { readonly REQUIRE_ENCRYPT_REQUIRE_DECRYPT: unknown }
  readonly RawAesWrappingSuiteIdentifier: { readonly AES256_GCM_IV12_TAG16_NO_PADDING: unknown }
  readonly RawAesKeyringNode: new (options: object) => object
  readonly NodeCachingMaterialsManager: new (options: object) => object
  getLocalCryptographicMaterialsCache(capacity: number): object
  buildClient(policy: unknown): {
    encrypt(materials: object, value: Uint8Array, options: object): Promise<{ readonly result: Uint8Array }>
    decrypt(materials: object, sealed: Uint8Array): Promise<{ readonly plaintext: Uint8Array }>
  }
}

const sdk: string = '@aws-crypto/client-node'
const aws: AwsCrypto = await import(sdk)

/** Values sealed and opened, against the AWS Encryption SDK with a raw AES keyring and a warm cache of data keys. */
const cipher = createFieldCipher({ keyring: await createTestKeyring(), purposes: { bench: {} } })
const table = cipher.table(
  'cards',
  { value: field.bytes({ encoding: 'bytes', maxBytes: 65_536 }) },
  { bind: { tenant: 'tenant', row: 'id' } },
)
const context = { tenant: 'acme', id: '018f2b5e-7c1a-7000-8000-0123456789ab' }

const { encrypt, decrypt } = aws.buildClient(aws.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const backingMaterials = new aws.RawAesKeyringNode({
  keyName: 'bench',
  keyNamespace: 'coffer',
  unencryptedMasterKey: crypto.getRandomValues(new Uint8Array(32)),
  wrappingSuite: aws.RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING,
})
const materials = new aws.NodeCachingMaterialsManager({
  backingMaterials,
  cache: aws.getLocalCryptographicMaterialsCache(1000),
  maxAge: 3_600_000,
})

for (const size of [16, 64, 256, 1024, 65_536]) {
  const value = crypto.getRandomValues(new Uint8Array(size))
  const ours = () =>
    table.decryptField('value', table.encryptField('value', value, context), context, { purpose: 'bench' })
  const theirs = async () => {
    const { result } = await encrypt(materials, value, { encryptionContext: context })
    return { sealed: result.length, ...(await decrypt(materials, result)) }
  }
  const opened = await theirs()
  if (Buffer.compare(opened.plaintext, value) !== 0 || Buffer.compare(ours() ?? Buffer.alloc(0), value) !== 0) {
    throw new Error('the opened value differs')
  }
  const stored = table.encryptField('value', value, context)?.length ?? 0
  const peer = '@aws-crypto/client-node 5.0.2'
  console.log(
    JSON.stringify({
      bench: `overhead ${size} B: ${stored - size} bytes`,
      peer: `${peer}: ${opened.sealed - size} bytes`,
    }),
  )
  const figures = await paired(ours, theirs, { rounds: 30, roundMs: 20 })
  console.log(
    JSON.stringify({ bench: `seal-open ${size} B`, ...figures, peer, ...(size === 64 ? { target: 20 } : {}) }),
  )
}
