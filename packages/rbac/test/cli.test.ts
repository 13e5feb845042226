import { formatPolicy } from '@coffer/rbac/analysis'
import { describe, expect, it } from 'vitest'
import { runCommand } from '../src/cli/commands.js'
import { minimal } from './fixtures.js'

describe('coffer-rbac', () => {
  const written = new Map<string, string>()
  const files: Record<string, string> = {
    'good.json': formatPolicy({
      ...minimal,
      tests: [{ name: 't', subject: { id: 'u', roles: ['reader'] }, permission: 'note:read', expect: 'permit' }],
    }),
    'bad.json': JSON.stringify({
      ...minimal,
      roles: { reader: { permit: ['note:*', 'note:read'] } },
      tests: [{ name: 't', subject: { id: 'u', roles: [] }, permission: 'note:read', expect: 'permit' }],
    }),
    'wrong.json': JSON.stringify({ ...minimal, roles: { reader: { permit: ['note:raed'] } } }),
    'ask.json': JSON.stringify({ subject: { id: 'u', roles: ['reader'] }, permission: 'note:read' }),
    'refused.json': JSON.stringify({ subject: { id: 'u', roles: [] }, permission: 'note:read' }),
    'people.json': JSON.stringify([{ subject: 'u', roles: ['reader'] }]),
  }
  const run = (...args: string[]) =>
    runCommand(args, {
      read: (path) => {
        const text = files[path]
        if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
        return text
      },
      write: (path, text) => written.set(path, text),
      now: () => 0,
    })

  it('exits 0 where nothing is found, 1 on findings, 2 on what it cannot use', () => {
    const code = (...args: string[]) => run(...args).code
    expect([code('fmt', '--check', 'good.json'), code('fmt', '--check', 'bad.json'), code('fmt', 'none.json')]).toEqual(
      [0, 1, 2],
    )
    expect([code('lint', 'good.json'), code('lint', 'bad.json'), code('lint', 'wrong.json')]).toEqual([0, 1, 2])
    expect([code('lint', '--fail-on', 'info', 'good.json'), code('lint', '--fail-on', 'error', 'bad.json')]).toEqual([
      1, 0,
    ])
    expect([code('test', 'good.json'), code('test', 'bad.json')]).toEqual([0, 1])
    expect([code('explain', 'good.json', 'ask.json'), code('explain', 'good.json', 'refused.json')]).toEqual([0, 1])
    expect([code('diff', 'good.json', 'good.json'), code('diff', 'good.json', 'bad.json')]).toEqual([0, 1])
    expect([
      code('diff', '--no-new-access', 'bad.json', 'good.json'),
      code('diff', '--no-new-access', 'good.json', 'bad.json'),
    ]).toEqual([0, 1])
    expect([code('diff', '--assignments', 'people.json', 'good.json', 'bad.json')]).toEqual([1])
    for (const args of [
      [],
      ['nope'],
      ['lint'],
      ['lint', '--what', 'good.json'],
      ['lint', '--fail-on', 'loud', 'good.json'],
      ['diff', 'good.json'],
      ['explain', 'good.json', 'people.json'],
    ])
      expect([args, code(...args)]).toEqual([args, 2])
  })

  it('exits 2, not 1, on malformed data and where it cannot write', () => {
    files['nobody.json'] = '[null]'
    files['when.json'] = JSON.stringify({ subject: { id: 'u', roles: [] }, permission: 'note:read', now: 'x' })
    files['noone.json'] = JSON.stringify({ permission: 'note:read' })
    expect(run('diff', '--assignments', 'nobody.json', 'good.json', 'bad.json')).toMatchObject({ code: 2, output: '' })
    expect(run('explain', 'good.json', 'when.json')).toMatchObject({ code: 2, output: '' })
    expect(run('explain', 'good.json', 'noone.json')).toMatchObject({ code: 2, output: '' })
    const machine = {
      read: () => files['bad.json'] ?? '',
      write: () => {
        throw Object.assign(new Error('canary'), { code: 'EACCES' })
      },
      now: () => 0,
    }
    expect(runCommand(['fmt', 'bad.json'], machine)).toEqual({
      code: 2,
      output: '',
      errors: 'cannot write bad.json: permission denied\n',
    })
  })

  it('refuses a request with a key that is not read, and says where an attribute of the subject belongs', () => {
    const subject = { id: 'u', roles: ['reader'] }
    const errorsOf = (request: unknown): string => {
      files['request.json'] = JSON.stringify(request)
      const { code, output, errors } = run('explain', 'limited.json', 'request.json')
      expect([code, output]).toEqual([2, ''])
      return errors
    }
    files['limited.json'] = JSON.stringify({ ...minimal, subject: { limit: 'int?' } })
    expect(errorsOf({ subject, permission: 'note:read', row: {} })).toBe(
      'request.json: "row" is not a key of a request ' +
        '(known: subject, permission, resource, context, activeRoles, now)\n',
    )
    expect(errorsOf({ subject: { ...subject, limit: 9 }, permission: 'note:read' })).toBe(
      'request.json: "limit" is not a key of a subject (limit belongs into attributes)\n',
    )
    expect(errorsOf({ subject: { ...subject, tenent: 't' }, permission: 'note:read' })).toContain('"tenant"')
    for (const request of [
      null,
      [],
      { subject },
      { subject, permission: 1 },
      { subject: 1, permission: 'note:read' },
      { subject, permission: 'note:read', resource: 'note' },
      { subject, permission: 'note:read', context: [] },
    ])
      expect(errorsOf(request)).toMatch(/^request\.json: (not a request: subject: |a request is an object)/)
  })

  it('refuses assignments with a key that is not read', () => {
    const errorsOf = (assignments: unknown): string => {
      files['held.json'] = JSON.stringify(assignments)
      return run('diff', '--assignments', 'held.json', 'good.json', 'bad.json').errors
    }
    expect(errorsOf([{ subject: 'u', role: 'reader' }])).toBe(
      'held.json: "role" is not a key of an assignment (known: subject, tenant, roles)\n',
    )
    expect(errorsOf({ u: ['reader'] })).toBe('held.json: assignments are a list of { subject, tenant, roles }\n')
    expect(errorsOf([{ subject: 'u', tenant: 't', roles: ['reader'] }])).toBe('')
  })

  it('explains with the roles and the ceilings that the policy does not have', () => {
    files['ghost.json'] = JSON.stringify({
      subject: { id: 'u', roles: ['ghost'], ceilings: ['nowhere'] },
      permission: 'note:read',
    })
    expect(JSON.parse(run('explain', 'good.json', 'ghost.json').output)).toMatchObject({
      unknownRoles: ['ghost'],
      unknownCeilings: ['nowhere'],
    })
  })

  it('shows in its usage a request and assignments that it takes', () => {
    const { output } = run('--help')
    const shown = (from: string, to: string): unknown =>
      JSON.parse(output.slice(output.indexOf(from) + from.length, output.indexOf(to)))
    const request = shown('\nREQUEST     ', '             id, roles')
    files['shown.json'] = JSON.stringify({ ...(request as object), permission: 'note:read' })
    files['shown-held.json'] = JSON.stringify(shown('\nASSIGNMENTS ', '             the file'))
    expect(run('explain', 'limited.json', 'shown.json')).toMatchObject({ errors: expect.stringMatching(/ROLE_NOT/) })
    expect(run('diff', '--assignments', 'shown-held.json', 'good.json', 'bad.json')).toMatchObject({ errors: '' })
  })

  it('prints its usage on --help, JSON where it is asked for, and issues with their place', () => {
    expect(run('--help')).toMatchObject({ code: 0, output: expect.stringContaining('fmt [--check] FILE') })
    expect(JSON.parse(run('lint', '--json', 'bad.json').output)).toContainEqual(
      expect.objectContaining({ rule: 'duplicate-permit' }),
    )
    expect(JSON.parse(run('explain', 'good.json', 'refused.json').output)).toMatchObject({
      reason: 'no-permit',
      whyNot: [[{ kind: 'assign', role: 'reader' }]],
    })
    expect(run('test', '--coverage', 'good.json').output).toBe('tested   reader/note:read\n1 passed, 0 failed\n')
    expect(run('test', '--coverage', 'bad.json').output).toContain('untested reader/note:*\n')
    files['nobody-test.json'] = JSON.stringify({
      ...minimal,
      tests: [{ name: 't', subject: { id: '', roles: [] }, permission: 'note:read', expect: 'deny' }],
    })
    expect(run('test', 'nobody-test.json').output).toContain('a malformed subject')
    expect(run('lint', 'wrong.json').errors).toContain('wrong.json#/roles/reader/permit/0: permission-unknown')
  })

  it('writes a document only where its layout differs', () => {
    expect(run('fmt', 'good.json').output).toBe('')
    expect(run('fmt', 'bad.json').output).toBe('bad.json\n')
    expect([...written.keys()]).toEqual(['bad.json'])
  })

  it.each(['fmt', 'lint', 'test', 'explain', 'diff'])('says how %s is used, asked by --help or -h', (name) => {
    for (const flag of ['--help', '-h'])
      expect(run(name, flag)).toMatchObject({
        code: 0,
        errors: '',
        output: expect.stringMatching(`^usage: coffer-rbac ${name} `),
      })
    expect(run(name)).toMatchObject({
      code: 2,
      output: '',
      errors: expect.stringContaining(`usage: coffer-rbac ${name}`),
    })
  })

  it('says which file it cannot use, and why', () => {
    expect(run('lint', 'none.json').errors).toBe('cannot read none.json: there is no such file\n')
    expect(run('diff', 'good.json', 'wrong.json').errors).toMatch(/^wrong\.json#\/roles/)
    files['broken.json'] = '{'
    expect(run('explain', 'good.json', 'broken.json').errors).toMatch(/^broken\.json#: json-syntax/)
    const codes = { EISDIR: 'it is a directory', EACCES: 'permission denied', EMFILE: 'EMFILE' }
    for (const [code, reason] of Object.entries(codes)) {
      const read = (): string => {
        throw Object.assign(new Error('canary'), { code })
      }
      const result = runCommand(['test', 'x.json'], { read, write: () => undefined, now: () => 0 })
      expect(result).toEqual({ code: 2, output: '', errors: `cannot read x.json: ${reason}\n` })
    }
  })

  it('exits 2 whatever is thrown at it, and shows nothing of it', () => {
    const thrower = (canary: unknown) => (): never => {
      throw canary
    }
    const reading = { read: thrower('canary'), write: () => undefined, now: () => 0 }
    expect(runCommand(['test', 'x.json'], reading)).toEqual({
      code: 2,
      output: '',
      errors: 'cannot read x.json: unknown reason\n',
    })
    const telling = { read: () => files['good.json'] ?? '', write: () => undefined, now: thrower('canary') }
    expect(runCommand(['lint', 'x.json'], telling)).toEqual({ code: 2, output: '', errors: 'failed\n' })
  })

  it('reads - from standard input, once, and formats it to standard output', () => {
    files['-'] = files['bad.json'] ?? ''
    const { code, output } = run('fmt', '-')
    expect([code, output]).toEqual([0, formatPolicy(JSON.parse(files['-']))])
    expect(run('fmt', '--check', '-')).toMatchObject({
      code: 1,
      output: 'standard input is laid out otherwise: run coffer-rbac fmt -\n',
    })
    expect(run('lint', '-').code).toBe(1)
    expect(run('diff', '-', '-')).toMatchObject({ code: 2, errors: expect.stringContaining('once') })
    expect(written.has('-')).toBe(false)
  })

  it('prints JSON that can be parsed and nothing else, whatever is found', () => {
    for (const args of [
      ['lint', '--json', 'good.json'],
      ['lint', '--json', 'bad.json'],
      ['test', '--json', 'bad.json'],
      ['diff', '--json', 'good.json', 'bad.json'],
      ['diff', '--json', 'good.json', 'good.json'],
      ['explain', 'good.json', 'ask.json'],
    ])
      expect([args, typeof JSON.parse(run(...args).output)]).toEqual([args, 'object'])
  })
})
