import type { SampleCredential } from './seed/samples.js'

/** What the tour asks of its own server, over the child process's IPC channel and never over HTTP. */
export type TourRequest =
  | { readonly id: number; readonly ask: 'forward'; readonly ms: number }
  /** One row as the database stores it. `table` may name its schema (`vault.pans`); `rowId` is an ID on the wire or a UUID. */
  | { readonly id: number; readonly ask: 'row'; readonly table: string; readonly rowId: string }
  /** The card numbers that the sample data was made with. */
  | { readonly id: number; readonly ask: 'card-numbers' }
  /** Every row of every table, one JSON text a row. */
  | { readonly id: number; readonly ask: 'dump' }
  /** Closes everything; the process then ends with 0. */
  | { readonly id: number; readonly ask: 'stop' }

/** Sent once, unasked: the server listens, or it could not start. */
export type TourGreeting =
  | {
      readonly kind: 'ready'
      readonly baseUrl: string
      /** PEM of the authority that the certificate is from. */
      readonly ca: string
      readonly credentials: readonly SampleCredential[]
    }
  | { readonly kind: 'failed'; readonly message: string }

/** The answer to the request of the same `id`. */
export type TourReply =
  | { readonly kind: 'reply'; readonly id: number; readonly value: TourValue }
  | { readonly kind: 'refused'; readonly id: number; readonly message: string }

/** `row`: column names and values, `dump` and `card-numbers`: texts, the others: null. */
export type TourValue = Readonly<Record<string, unknown>> | readonly string[] | null

export type { SampleCredential }
