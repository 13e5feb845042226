import type { AssignmentView } from '../../demo-api/src/assignments/assignments.js'
import type { CardView } from '../../demo-api/src/cards/cards.js'
import type { CustomerView } from '../../demo-api/src/customers/view.js'
import type { PaymentView } from '../../demo-api/src/payments/view.js'
import type { UserView } from '../../demo-api/src/users/users.js'
import type { Decoded } from '../src/decode.js'
import type { assignment, Card, Customer, Payment, User } from '../src/wire.js'

/**
 * Every member that the client reads is one that the API's response schema has, and of a type that the client takes.
 * A member renamed or retyped in a schema does not compile here.
 */
type Readable<Answer, Read> = {
  readonly [Member in keyof Read]: Member extends keyof Answer ? Answer[Member] : never
}

declare function takes<Read>(answer: Read): void

declare const customerAnswer: Readable<Required<CustomerView>, Customer>
takes<Customer>(customerAnswer)

declare const cardAnswer: Readable<CardView, Card>
takes<Card>(cardAnswer)

declare const paymentAnswer: Readable<PaymentView, Payment>
takes<Payment>(paymentAnswer)

declare const userAnswer: Readable<UserView, User>
takes<User>(userAnswer)

declare const assignmentAnswer: Readable<AssignmentView, Decoded<typeof assignment>>
takes<Decoded<typeof assignment>>(assignmentAnswer)

// The check itself refuses what is not there: `never` is assignable, so its absence is asserted by name.
type MissingMembers<Answer, Read> = Exclude<keyof Read, keyof Answer>
const none: readonly [
  MissingMembers<CustomerView, Customer>,
  MissingMembers<CardView, Card>,
  MissingMembers<PaymentView, Payment>,
  MissingMembers<UserView, User>,
  MissingMembers<AssignmentView, Decoded<typeof assignment>>,
][] = []
export const missing: readonly (readonly [never, never, never, never, never])[] = none

// @ts-expect-error a member that the API does not have is found
export const found: readonly never[] = [] as readonly MissingMembers<CardView, Card & { readonly pan: string }>[]
