import { generateKeyPairSync, sign } from 'node:crypto'
import { needing, type TourStep } from '../context.js'
import { expectRefused } from '../expect.js'

export const badTokens: TourStep = {
  title: 'Forged tokens are refused',
  unless: needing('self'),
  async run(context, report) {
    const token = (await context.member('self').tokens.get()).reveal()
    const forgeries: readonly (readonly [what: string, token: string])[] = [
      ['signed by a stranger under our key ID', signedByStranger(token)],
      ['unsigned, alg none', unsigned(token)],
      ['one bit of the signature flipped', flipped(token)],
      ['another tenant written into the claims', retargeted(token)],
    ]
    for (const [what, forged] of forgeries) {
      const problem = await expectRefused(`a token ${what}`, context.withToken(forged).me(), 401, 'token-invalid')
      report.fact(`a token ${what}: ${problem.message}`)
    }
    await expectRefused('no token at all', context.anonymous.me(), 401, 'authentication-required')
    report.fact('no token at all: 401 authentication-required')
  },
}

const encode = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64url')
const decode = (part: string) => Buffer.from(part, 'base64url').toString('utf8')
const partsOf = (token: string) => {
  const [header = '', payload = '', signature = ''] = token.split('.')
  return { header, payload, signature }
}

function signedByStranger(token: string): string {
  const { header, payload } = partsOf(token)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signature = sign('sha256', Buffer.from(`${header}.${payload}`), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${header}.${payload}.${encode(signature)}`
}

function unsigned(token: string): string {
  const { payload } = partsOf(token)
  return `${encode(JSON.stringify({ alg: 'none', typ: 'at+jwt' }))}.${payload}.`
}

function flipped(token: string): string {
  const { header, payload, signature } = partsOf(token)
  const bytes = Buffer.from(signature, 'base64url')
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
  return `${header}.${payload}.${encode(bytes)}`
}

function retargeted(token: string): string {
  const { header, payload, signature } = partsOf(token)
  const claims: unknown = JSON.parse(decode(payload))
  return `${header}.${encode(JSON.stringify(Object.assign({}, claims, { tenant: 'ten_00000000000000000000000000' })))}.${signature}`
}
