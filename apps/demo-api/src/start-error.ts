/** Exit code of a process that was configured wrongly: EX_CONFIG of sysexits.h. */
export const misconfigured = 78

/** A start that was refused because of a setting. Its message is one line that names the setting and shows no value. */
export class StartError extends Error {
  override readonly name = 'StartError'
  constructor(faults: readonly StartFault[]) {
    super(faults.map(({ setting, fault }) => `${setting}: ${fault}`).join('; '))
  }
}

export interface StartFault {
  readonly setting: string
  readonly fault: string
}

/** Refuses to start because of one setting. */
export function refuse(setting: string, fault: string): never {
  throw new StartError([{ setting, fault }])
}
