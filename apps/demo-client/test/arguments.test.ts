import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/arguments.js'
import { ConfigurationError } from '../src/failures.js'

describe('the command line', () => {
  it('asks for every step, in prose, on its own server when nothing is said', () => {
    expect(parseArguments([])).toEqual({ help: false, json: false, only: [], baseUrl: null, caFile: null })
  })

  it('takes steps, JSON and a server elsewhere with its CA', () => {
    const args = [
      '--only',
      '9',
      '--only',
      'card',
      '--json',
      '--base-url',
      'https://api.example:8443/',
      '--ca',
      'ca.pem',
    ]
    expect(parseArguments(args)).toEqual({
      help: false,
      json: true,
      only: ['9', 'card'],
      baseUrl: 'https://api.example:8443',
      caFile: 'ca.pem',
    })
  })

  it('passes over the separator that pnpm hands on', () => {
    expect(parseArguments(['--', '--json']).json).toBe(true)
  })

  it.each([
    ['plain HTTP', 'http://localhost:8080'],
    ['a path', 'https://localhost:8443/v1'],
    ['a query', 'https://localhost:8443/?token=x'],
    ['credentials', 'https://user:password@localhost:8443'],
    ['no URL', 'localhost'],
    ['nothing', ''],
  ])('a base URL with %s is refused without repeating it', (_, url) => {
    const parse = () => parseArguments(['--base-url', url])
    expect(parse).toThrow(ConfigurationError)
    expect(parse).toThrow('--base-url takes an https origin, such as https://localhost:8443')
  })

  it('a CA without a server elsewhere is refused', () => {
    expect(() => parseArguments(['--ca', 'ca.pem'])).toThrow(/--base-url/)
  })

  it.each([[['--onyl', '3']], [['stray']], [['--json=yes']], [['--only']]])('%j is refused in one line', (args) => {
    const parse = () => parseArguments(args)
    expect(parse).toThrow(ConfigurationError)
    expect(parse).toThrow(/^[^\n]+$/)
  })
})
