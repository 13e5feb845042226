/** What the tests use of PGlite. */
export declare class PGlite {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
  close(): Promise<void>
}
