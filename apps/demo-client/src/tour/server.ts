import type { Environment } from '../credentials.js'

/** One row as the database stores it: column names and raw values. */
export type RawRow = Readonly<Record<string, unknown>>

/** The tour's own server, in a process of its own. What is asked here goes over the child's IPC channel, never HTTP. */
export interface TourServer {
  readonly baseUrl: string
  /** PEM of the authority that its certificate is from. */
  readonly ca: string
  /** The sample credentials, as variables of an environment. */
  readonly environment: Environment
  /** Moves the server's clock. */
  forward(ms: number): Promise<void>
  /** A row by its ID on the wire, read past the API. */
  row(table: string, id: string): Promise<RawRow>
  /** The card numbers that the sample data was made with. */
  cardNumbers(): Promise<readonly string[]>
  /** Every row of every table, one text a row. */
  dump(): Promise<readonly string[]>
  /** Ends the process and leaves nothing behind. */
  stop(): Promise<void>
}
