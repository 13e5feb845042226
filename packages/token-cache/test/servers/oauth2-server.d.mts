/** What the tests use of the server. */
export interface ServedOAuth2Server {
  readonly url: string
  counts(): { readonly logins: number; readonly presentedAgain: number }
  close(): Promise<void>
}
export declare function serveOAuth2Server(identity: {
  readonly cert: string
  readonly key: string
}): Promise<ServedOAuth2Server>
