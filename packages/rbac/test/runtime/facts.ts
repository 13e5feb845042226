import { compilePolicy, definePolicy } from '@coffer/rbac'

export const facts = {
  'a permit is a permit': (): void => {
    const policy = compilePolicy(
      definePolicy({
        policy: 'p',
        version: '1',
        resources: { a: { actions: ['read'], attributes: {} } },
        roles: { r: { permit: ['a:read'] } },
      }),
    )
    if (!policy.session({ id: 'x', roles: ['r'] }).can('a:read')) throw new Error('denied')
  },
}
