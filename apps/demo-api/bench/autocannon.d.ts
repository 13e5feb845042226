// autocannon brings no types; this is the part that the bench uses.
declare module 'autocannon' {
  interface Client {
    setHeaders(headers: Readonly<Record<string, string>>): void
  }
  interface Options {
    readonly url: string
    readonly connections: number
    readonly duration: number
    readonly tlsOptions: { readonly ca: string; readonly servername: string }
    readonly setupClient: (client: Client) => void
  }
  interface Result {
    readonly duration: number
    readonly errors: number
    readonly timeouts: number
    readonly non2xx: number
    readonly '2xx': number
  }
  function autocannon(options: Options): Promise<Result>
  export = autocannon
}
