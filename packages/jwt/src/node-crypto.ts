/** What this package takes from `node:crypto`, by shape, so that no file has to import it. */
export interface NodeCrypto {
  createPublicKey(input: { readonly key: object; readonly format: 'jwk' }): object
  verify(algorithm: string | null, data: Uint8Array, key: NodeVerifyKey, signature: Uint8Array): boolean
}

/** A public key with the parameters of one algorithm, made once and handed to every call. */
export interface NodeVerifyKey {
  readonly key: object
  readonly dsaEncoding?: 'ieee-p1363'
  readonly padding?: number
  readonly saltLength?: number
}

function findNodeCrypto(): NodeCrypto | undefined {
  const host: { readonly process?: { readonly getBuiltinModule?: (id: string) => unknown } } = globalThis
  return host.process?.getBuiltinModule?.('node:crypto') as NodeCrypto | undefined
}

/** `node:crypto` where the runtime has it. */
export const nodeCrypto: NodeCrypto | undefined = findNodeCrypto()

/** Whether the runtime is Node.js itself, not one that resembles it: only there is `node:crypto` the faster engine. */
export const isNode: boolean =
  nodeCrypto !== undefined && !Object.hasOwn(globalThis, 'Bun') && !Object.hasOwn(globalThis, 'Deno')
