/** Whether two byte strings are one. Not in constant time: what time it takes must tell nothing that opens anything. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
