import { chain, ending } from './awaitable.js'
import { toBase64url } from './base64url.js'
import { Cell, type CellContext } from './cell.js'
import { boundRow, unbound } from './context.js'
import { FieldEncryptionError } from './errors.js'
import { beginsLikeCiphertext, maxLargeFrame, Parser } from './format.js'
import { type FrameSpec, readAndZero, writeFrame } from './frame.js'
import { coreOf, type Keyring } from './keyring.js'
import { checkName, checkOptions, type Mode, type Out } from './options.js'
import { pooledRandomBytes } from './random-pool.js'
import { Scratch } from './scratch.js'

/**
 * Authenticated encryption of bytes (RFC 5116 shape), for what is not a column: a token store, private signing keys.
 * No purposes, budgets or hook: the caller is a library, not a person.
 */
export interface Sealer<M extends Mode = 'sync'> {
  /** The binary form of `fle1`, bound to the sealer's name and to `associatedData` of any length. */
  encrypt(plaintext: Uint8Array, associatedData: Uint8Array): Out<M, Uint8Array>
  decrypt(ciphertext: Uint8Array, associatedData: Uint8Array): Out<M, Uint8Array>
}

const table = 'coffer/sealer'
const spec: FrameSpec = {
  type: 'bytes',
  maxBytes: maxLargeFrame - 1,
  scale: null,
  pad: null,
  hidesNull: false,
}

/**
 * Makes a sealer over a keyring: suite 02, and suite 04 for more than 64 KiB. Two sealers of different names do not open each other's ciphertexts.
 *
 * @param options - `name`: what the bytes are, such as `token-cache`; part of every key.
 * @throws {FieldEncryptionError} from `encrypt`: `…_TOO_LARGE` and the key codes; from `decrypt`:
 *   `…_NOT_ENCRYPTED`, `…_MALFORMED`, `…_SUITE_UNSUPPORTED`, `…_DECRYPTION_FAILED`, `…_TYPE_MISMATCH` and the key codes
 */
export function createSealer<M extends Mode>(options: {
  readonly keyring: Keyring<M>
  readonly name: string
}): Sealer<M> {
  checkOptions('createSealer', options, ['keyring', 'name'])
  const core = coreOf(options.keyring)
  const { backend } = core
  const cell = new Cell({
    backend,
    random: pooledRandomBytes(),
    table,
    column: checkName('name', options.name),
    suite: 2,
    encoding: 'bytes',
  })

  const frames = new Scratch()
  const parser = new Parser()

  const contextOf = (associatedData: Uint8Array) =>
    chain(backend.sha512(associatedData), (digest): CellContext => {
      return { tenant: null, bound: boundRow(toBase64url(digest), unbound) }
    })

  const encrypt = (plaintext: Uint8Array, associatedData: Uint8Array) => {
    checkBytes('plaintext', plaintext)
    checkBytes('associatedData', associatedData)
    const ring = core.use()
    const frame = writeFrame(spec, plaintext, frames)
    return ending(
      () => chain(contextOf(associatedData), (context) => cell.seal(ring, context, frame)),
      () => frames.give(frame),
    )
  }

  const decrypt = (ciphertext: Uint8Array, associatedData: Uint8Array) => {
    checkBytes('ciphertext', ciphertext)
    checkBytes('associatedData', associatedData)
    const ring = core.use()
    if (!beginsLikeCiphertext(ciphertext)) throw new FieldEncryptionError('COFFER_FIELD_ENCRYPTION_NOT_ENCRYPTED')
    const parsed = parser.parse(ciphertext)
    return chain(contextOf(associatedData), (context) =>
      chain(cell.open(ring, context, parsed), (frame) => readAndZero(spec, frame)),
    )
  }

  // The shape is fixed by the keyring's mode: a promise of the async backend, the value itself otherwise.
  const shaped = <A extends readonly Uint8Array[]>(work: (...args: A) => unknown) =>
    core.backend.mode === 'async' ? async (...args: A) => work(...args) : work
  return Object.freeze({ encrypt: shaped(encrypt), decrypt: shaped(decrypt) }) as Sealer<M>
}

function checkBytes(name: string, value: unknown): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array`)
}
