/** Numbers that card schemes and processors publish for testing. No account stands behind any of them. */
export const testCardNumbers = [
  '4242424242424242',
  '4111111111111111',
  '4012888888881881',
  '4000056655665556',
  '5555555555554444',
  '5200828282828210',
  '5105105105105100',
  '2223003122003222',
  '378282246310005',
  '371449635398431',
  '6011111111111117',
  '6011000990139424',
] as const

/** What the demo takes as a card number, and nothing else. */
export const testCards: ReadonlySet<string> = new Set(testCardNumbers)
