/** How the program ends: 78 is `EX_CONFIG` of sysexits(3). */
export const exitCode = { passed: 0, failed: 1, misconfigured: 78, interrupted: 130 } as const

/** Thrown for what the person at the terminal can put right. Its message is one line and holds no value of a credential. */
export class ConfigurationError extends Error {
  override readonly name: string = 'ConfigurationError'
}

/** Thrown when the tour's own server does not come up or goes away. One line, taken from what the server itself said. */
export class ServerFailure extends Error {
  override readonly name: string = 'ServerFailure'
}
