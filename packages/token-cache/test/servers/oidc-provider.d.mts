/** What the tests use of the provider, whose package has no types of its own. */
export interface ServedProvider {
  readonly url: string
  readonly tokenUrl: string
  readonly revocationUrl: string
  requests(): number
  issueRefreshToken(): Promise<{ readonly token: string; familyLives(): Promise<boolean> }>
  close(): Promise<void>
}
export declare function serveOidcProvider(identity: {
  readonly cert: string
  readonly key: string
}): Promise<ServedProvider>
