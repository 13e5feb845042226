import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { hidden, readCredentials } from '../src/credentials.js'
import { ConfigurationError } from '../src/failures.js'

const token = { FINCODE_API_TOKEN_ID: 'tok_1', FINCODE_API_TOKEN: 'canary-token' }
const person = { FINCODE_EMAIL: 'a@example.com', FINCODE_PASSWORD: 'canary-password' }

describe('credentials from the environment', () => {
  it('an API token alone is enough', () => {
    const { apiToken, person: none } = readCredentials(token)
    expect([apiToken?.tokenId, apiToken?.apiToken.reveal(), none]).toEqual(['tok_1', 'canary-token', undefined])
  })

  it('a person alone is enough', () => {
    const { apiToken, person: found } = readCredentials(person)
    expect([apiToken, found?.email, found?.password.reveal()]).toEqual([undefined, 'a@example.com', 'canary-password'])
  })

  it('the people of single steps are found by their role', () => {
    const { people } = readCredentials({ ...token, FINCODE_MAKER_EMAIL: 'm@example.com', FINCODE_MAKER_PASSWORD: 'p' })
    expect(Object.keys(people)).toEqual(['maker'])
    expect([people.maker?.email, people.maker?.password.reveal()]).toEqual(['m@example.com', 'p'])
  })

  it.each([
    ['FINCODE_API_TOKEN_ID', {}],
    ['FINCODE_API_TOKEN_ID', { FINCODE_API_TOKEN_ID: '', FINCODE_API_TOKEN: '' }],
    ['FINCODE_API_TOKEN', { FINCODE_API_TOKEN_ID: 'tok_1' }],
    ['FINCODE_API_TOKEN_ID', { FINCODE_API_TOKEN: 'canary-token' }],
    ['FINCODE_PASSWORD', { FINCODE_EMAIL: 'a@example.com' }],
    ['FINCODE_EMAIL', { FINCODE_PASSWORD: 'canary-password' }],
    ['FINCODE_CHECKER_PASSWORD', { ...token, FINCODE_CHECKER_EMAIL: 'c@example.com' }],
  ])('%s is named, in one line and without a value, when it is missing', (variable, environment) => {
    let caught: unknown
    try {
      readCredentials(environment)
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(ConfigurationError)
    const message = caught instanceof Error ? caught.message : ''
    expect(message.startsWith(`${variable} is not set`)).toBe(true)
    expect(message).not.toMatch(/\n|canary|example\.com/)
  })

  it('a secret shows itself only when asked', () => {
    const secret = hidden('canary')
    const seen = [String(secret), `${secret}`, JSON.stringify({ secret }), inspect({ secret }, { showHidden: true })]
    expect(seen.join(' ')).not.toContain('canary')
    expect(secret.reveal()).toBe('canary')
  })
})
