import { randomInt } from 'node:crypto'
import type { TourContext } from './context.js'

const givenNames = ['Adaeze', 'Babajide', 'Chiamaka', 'Damilola', 'Emeka', 'Folasade', 'Gbenga', 'Halima']
const familyNames = ['Abiodun', 'Balogun', 'Chukwuma', 'Danjuma', 'Eze-Nwosu', 'Fashola', 'Garba', 'Ibekwe']

/** A number that card schemes publish for testing; no account stands behind it. */
export const testCardNumber = '4000056655665556'

/**
 * A customer who does not exist, another one each time: the domain and the phone numbers are reserved for fiction
 * (RFC 2606, Ofcom). Each value is planted: the last step looks for it in the database.
 */
export function fictionalCustomer(context: TourContext) {
  const [given, family] = [pick(givenNames), pick(familyNames)]
  const number = randomInt(100_000, 1_000_000)
  return {
    name: context.plant('name', `${given} Tour ${family}`),
    email: context.plant('e-mail', `${given}.${family}.${number}@example.com`.toLowerCase()),
    phone: context.plant('phone', `+447700900${String(randomInt(0, 1000)).padStart(3, '0')}`),
    date_of_birth: '1990-04-17',
    national_id: context.plant('national ID', `NG-${number}-${randomInt(1000, 10_000)}`),
  }
}

function pick(names: readonly string[]): string {
  return names[randomInt(names.length)] ?? ''
}
