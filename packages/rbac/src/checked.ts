import type { PolicyDocument } from './document.js'

/**
 * What a document has to look like once its own names are known: the document itself where it is right, and what would
 * be right where it is not. Each entry is checked against its own permission, so that the cost grows with the entries.
 */
export type CheckedPolicy<D extends PolicyDocument> = {
  readonly [K in keyof D]: K extends 'resources'
    ? { readonly [R in keyof D['resources']]: CheckedResource<D['resources'][R]> }
    : K extends 'roles'
      ? { readonly [R in keyof D['roles']]: CheckedRole<D, D['roles'][R]> }
      : K extends 'deny'
        ? CheckedList<D, D[K], 'deny'>
        : K extends 'ceilings'
          ? { readonly [C in keyof D[K]]: CheckedPatterns<D, D[K][C]> }
          : K extends 'constraints'
            ? CheckedList<D, D[K], 'constraint'>
            : K extends keyof PolicyDocument
              ? D[K]
              : Refused<`not a key: ${K & string}`>
}

/** What is wrong, where a compiler shows what it expected; an object, as two texts would meet in `never`. */
interface Refused<Message extends string> {
  readonly refused: Message
}

type CheckedList<D extends PolicyDocument, L, Kind extends 'permit' | 'deny' | 'constraint'> = {
  readonly [I in keyof L]: Kind extends 'constraint' ? CheckedConstraint<D, L[I]> : CheckedEntry<D, L[I]>
}

type Names<D extends PolicyDocument> = keyof D['roles'] & string
type Resources<D extends PolicyDocument> = D['resources']
type Exact<D extends PolicyDocument> = {
  [R in keyof Resources<D> & string]: `${R}:${Resources<D>[R]['actions'][number]}`
}[keyof Resources<D> & string]
type Action<D extends PolicyDocument> = Resources<D>[keyof Resources<D>]['actions'][number]
type Pattern<D extends PolicyDocument> = Exact<D> | `${keyof Resources<D> & string}:*` | `*:${Action<D>}` | '*'

type CheckedPatterns<D extends PolicyDocument, Q> = Q extends string
  ? Q extends Pattern<D>
    ? Q
    : Refused<`no permission ${Q}`>
  : { readonly [I in keyof Q]: Q[I] extends Pattern<D> ? Q[I] : Refused<`no permission ${Q[I] & string}`> }

type CheckedNames<L, Known, What extends string> = {
  readonly [I in keyof L]: L[I] extends Known ? L[I] : Refused<`no ${What} ${L[I] & string}`>
}

type CheckedRole<D extends PolicyDocument, R> = {
  readonly [K in keyof R]: K extends 'inherits'
    ? CheckedNames<R[K], Names<D>, 'role'>
    : K extends 'permit'
      ? CheckedList<D, R[K], 'permit'>
      : K extends 'scope' | 'description'
        ? R[K]
        : Refused<`not a key of a role: ${K & string}`>
}

type CheckedResource<R> = {
  readonly [K in keyof R]: K extends 'tenant'
    ? R extends { readonly attributes: infer A }
      ? R[K] extends IdKeys<A>
        ? R[K]
        : Refused<`no attribute of type id: ${R[K] & string}`>
      : Refused<'the resource has no attributes'>
    : K extends 'actions' | 'attributes' | 'description'
      ? R[K]
      : Refused<`not a key of a resource: ${K & string}`>
}
type IdKeys<A> = { [K in keyof A]: Base<A[K]> extends 'id' ? K : never }[keyof A]

type CheckedConstraint<D extends PolicyDocument, C> = {
  readonly [K in keyof C]: K extends 'roles'
    ? CheckedNames<C[K], Names<D>, 'role'>
    : K extends 'role'
      ? C[K] extends Names<D>
        ? C[K]
        : Refused<`no role ${C[K] & string}`>
      : K extends 'permissions'
        ? CheckedNames<C[K], Exact<D>, 'permission'>
        : K extends 'id' | 'kind' | 'atMost'
          ? C[K]
          : Refused<`not a key of a constraint: ${K & string}`>
}

/** A bare pattern, or a rule. */
type CheckedEntry<D extends PolicyDocument, E> = E extends string
  ? E extends Pattern<D>
    ? E
    : Refused<`no permission ${E}`>
  : E extends { readonly permission: infer Q }
    ? CheckedRule<D, E, Covered<D, Q>>
    : Refused<'a rule without permission'>

type CheckedRule<D extends PolicyDocument, E, R extends keyof Resources<D>> = {
  readonly [K in keyof E]: K extends 'permission'
    ? CheckedPatterns<D, E[K]>
    : K extends 'when'
      ? CheckedCondition<D, R, E[K]>
      : K extends 'fields'
        ? CheckedNames<E[K], '*' | Field<D, R>, 'field'>
        : K extends 'masked'
          ? CheckedNames<E[K], '*' | MaskedField<D, R>, 'field with a mask'>
          : K extends 'roles'
            ? CheckedNames<E[K], Names<D>, 'role'>
            : K extends 'id'
              ? E[K]
              : Refused<`not a key of a rule: ${K & string}`>
}

/** The resources that a permission or a list of them covers. */
type Covered<D extends PolicyDocument, Q> = Q extends readonly (infer P)[]
  ? Covered<D, P>
  : Q extends '*' | `*:${string}`
    ? keyof Resources<D>
    : Q extends `${infer R}:${string}`
      ? R & keyof Resources<D>
      : never

type Attributes<D extends PolicyDocument, R extends keyof Resources<D>> = Resources<D>[R] extends {
  readonly attributes: infer A
}
  ? A
  : Record<never, never>
/** The names that every one of the resources has: a rule that spans resources reads what they share. */
type Field<D extends PolicyDocument, R extends keyof Resources<D>> = keyof Attributes<D, R>
type MaskedField<D extends PolicyDocument, R extends keyof Resources<D>> = {
  [K in keyof Attributes<D, R>]: Attributes<D, R>[K] extends { readonly mask: string } ? K : never
}[keyof Attributes<D, R>]

type CheckedCondition<D extends PolicyDocument, R extends keyof Resources<D>, W> = W extends { readonly all: infer L }
  ? { readonly all: { readonly [I in keyof L]: CheckedCondition<D, R, L[I]> } }
  : W extends { readonly any: infer L }
    ? { readonly any: { readonly [I in keyof L]: CheckedCondition<D, R, L[I]> } }
    : W extends { readonly not: infer N }
      ? { readonly not: CheckedCondition<D, R, N> }
      : { readonly [P in keyof W]: CheckedComparison<D, R, PathType<D, R, P>, P, W[P]> }

type CheckedComparison<D extends PolicyDocument, R extends keyof Resources<D>, T, P, V> = [T] extends [never]
  ? Refused<`no attribute ${P & string}`>
  : { readonly [Op in keyof V]: CheckedOperand<D, R, T, Op, V[Op]> }

type CheckedOperand<D extends PolicyDocument, R extends keyof Resources<D>, T, Op, O> = Op extends 'exists'
  ? boolean
  : T extends `${string}[]`
    ? Refused<'a list is compared with nothing: it is the operand of in'>
    : Op extends 'eq' | 'ne'
      ? CheckedScalar<D, R, T, O>
      : Op extends 'lt' | 'lte' | 'gt' | 'gte'
        ? T extends 'int' | 'timestamp'
          ? CheckedScalar<D, R, T, O>
          : Refused<`${Op} is for int and timestamp`>
        : Op extends 'in'
          ? CheckedMembers<D, R, T, O>
          : Refused<`not an operator: ${Op & string}; known: eq, ne, lt, lte, gt, gte, in, exists`>

type CheckedMembers<D extends PolicyDocument, R extends keyof Resources<D>, T, O> = O extends `$${infer P}`
  ? T extends string
    ? PathType<D, R, P> extends `${T}[]`
      ? O
      : Refused<`${P} is no list of ${T}`>
    : Refused<'a choice is compared with a list of literals'>
  : { readonly [I in keyof O]: O[I] extends Literal<T> ? O[I] : Literal<T> }

type CheckedScalar<D extends PolicyDocument, R extends keyof Resources<D>, T, O> = O extends `$$${string}`
  ? string extends Literal<T>
    ? O
    : Literal<T>
  : O extends `$${infer P}`
    ? Same<PathType<D, R, P>, T> extends true
      ? O
      : Refused<`${P} is no attribute of this type`>
    : O extends Literal<T>
      ? O
      : Literal<T>

interface Literals {
  id: string
  string: string
  int: number
  timestamp: number
  bool: boolean
}
type Literal<T> = T extends readonly (infer M)[] ? Exclude<M, '?'> : T extends keyof Literals ? Literals[T] : never

type Same<A, B> = [A] extends [never]
  ? false
  : A extends readonly (infer M)[]
    ? B extends readonly (infer N)[]
      ? [Exclude<M, '?'>, Exclude<N, '?'>] extends [N, M]
        ? true
        : false
      : false
    : A extends B
      ? true
      : false

interface BuiltIn {
  'subject.id': 'id'
  'subject.tenant': 'id'
  'subject.assurance': 'int'
  'context.now': 'timestamp'
}

/** The declared type behind a path, without its `?`; never where there is none. */
type PathType<D extends PolicyDocument, R extends keyof Resources<D>, P> = P extends keyof BuiltIn
  ? BuiltIn[P]
  : P extends `resource.${infer N}`
    ? N extends Field<D, R>
      ? Base<Attributes<D, R>[N]>
      : never
    : P extends `subject.${infer N}`
      ? D extends { readonly subject: infer S }
        ? N extends keyof S
          ? Base<S[N]>
          : never
        : never
      : P extends `context.${infer N}`
        ? D extends { readonly context: infer C }
          ? N extends keyof C
            ? Base<C[N]>
            : never
          : never
        : never

type Base<A> = A extends { readonly type: infer T } ? Base<T> : A extends `${infer T}?` ? T : A
