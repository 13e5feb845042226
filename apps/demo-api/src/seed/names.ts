/** People and places of the demo. Invented: e-mail at example.com, phones from the range reserved for fiction. */
export const givenNames = [
  'Adaeze', 'Amina', 'Babatunde', 'Chinedu', 'Damilola', 'Efosa', 'Folake', 'Gbenga', 'Halima', 'Ifeoma',
  'Kelechi', 'Lanre', 'Musa', 'Ngozi', 'Obinna', 'Sade', 'Tunde', 'Uche', 'Yetunde', 'Zainab',
  'Alice', 'Callum', 'Daisy', 'Ewan', 'Freya', 'Harry', 'Isla', 'Morag', 'Oliver', 'Poppy',
] as const

export const familyNames = [
  'Abubakar', 'Adeyemi', 'Balogun', 'Chukwu', 'Danjuma', 'Eze', 'Fashola', 'Ibrahim', 'Nwosu', 'Obi',
  'Okafor', 'Okonkwo', 'Olawale', 'Sanusi', 'Usman', 'Ashworth', 'Blackwood', 'Campbell', 'Fairclough', 'Griffiths',
  'Hargreaves', 'Kirkwood', 'Macleod', 'Pemberton', 'Ravenscroft', 'Sutherland', 'Thornbury', 'Whitlock',
] as const

export const streets = ['Allen Avenue', 'Bode Thomas Street', 'Broad Street', 'Herbert Macaulay Way', 'Ogui Road'] as const

export const cities = [
  { city: 'Lagos', postal_code: '100001' },
  { city: 'Abuja', postal_code: '900211' },
  { city: 'Ibadan', postal_code: '200211' },
  { city: 'Enugu', postal_code: '400001' },
] as const

export const reasons = [
  'School fees', 'Monthly rent', 'Inventory order', 'Equipment hire', 'Travel booking', 'Insurance premium',
  'Consulting invoice', 'Subscription renewal', 'Medical bill', 'Grocery wholesale',
] as const
