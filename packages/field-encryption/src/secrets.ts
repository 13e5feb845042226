import { hashBytes } from './mac-input.js'

/**
 * The 64 bytes that an HMAC gives for one message, and views of its parts. Where calls end before the next begins, one of
 * these serves them all; views of a new array would cost more than the hash that fills it.
 */
export class MessageSecrets {
  readonly bytes: Uint8Array = new Uint8Array(new ArrayBuffer(hashBytes))
  /** T[0..32]. */
  readonly key: Uint8Array = this.bytes.subarray(0, 32)
  /** T[48..60]: the nonce of suites 01 and 03. */
  readonly nonce: Uint8Array = this.bytes.subarray(48, 60)

  clear(): void {
    this.bytes.fill(0)
  }
}
