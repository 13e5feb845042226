import type { PolicyDocument } from './document.js'

type Resources<D extends PolicyDocument> = D['resources']
type ResourceName<D extends PolicyDocument> = keyof Resources<D> & string

/** Every permission of a document: `resource:action`. */
export type PermissionOf<D extends PolicyDocument> = {
  [R in ResourceName<D>]: `${R}:${Resources<D>[R]['actions'][number]}`
}[ResourceName<D>]

/** Every role of a document. */
export type RoleOf<D extends PolicyDocument> = keyof D['roles'] & string

/** The resource type of a permission. */
export type ResourceNameOf<D extends PolicyDocument, P extends string> = P extends `${infer R}:${string}`
  ? R & ResourceName<D>
  : never

interface Values {
  id: string
  string: string
  int: number | bigint
  bool: boolean
  timestamp: number | Date
}

/** The TypeScript type of a declared attribute type, without its optionality. */
export type ValueOf<T> = T extends readonly string[]
  ? Exclude<T[number], '?'>
  : T extends `${infer S}?`
    ? ValueOf<S>
    : T extends `${infer S}[]`
      ? readonly ValueOf<S>[]
      : T extends keyof Values
        ? Values[T]
        : unknown

type TypeIn<A> = A extends { readonly type: infer T } ? T : A
type IsOptional<T> = T extends readonly string[]
  ? '?' extends T[number]
    ? true
    : false
  : T extends `${string}?`
    ? true
    : false

type RequiredKeys<A> = { [K in keyof A]: IsOptional<TypeIn<A[K]>> extends true ? never : K }[keyof A]
type AttributesOf<A> = { readonly [K in RequiredKeys<A>]: ValueOf<TypeIn<A[K]>> } & {
  readonly [K in Exclude<keyof A, RequiredKeys<A>>]?: ValueOf<TypeIn<A[K]>> | null | undefined
}
type Flat<T> = { [K in keyof T]: T[K] }
type IsAny<D extends PolicyDocument> = string extends keyof D['resources'] ? true : false

type DeclaredAttributes<D extends PolicyDocument, R extends ResourceName<D>> = Resources<D>[R] extends {
  readonly attributes: infer A
}
  ? A
  : Record<never, never>

/** The row that a check of this permission takes. */
export type ResourceOf<D extends PolicyDocument, P extends string> =
  IsAny<D> extends true ? object : Flat<AttributesOf<DeclaredAttributes<D, ResourceNameOf<D, P>>>>

/** The fields of the permission's resource. */
export type FieldOf<D extends PolicyDocument, P extends string> =
  IsAny<D> extends true ? string : keyof DeclaredAttributes<D, ResourceNameOf<D, P>> & string

type MaskedValue<A> = A extends { readonly mask: string } ? ValueOf<TypeIn<A>> | string | null : ValueOf<TypeIn<A>>

/** A masked row: declared attributes only, each absent when it may not be seen. */
export type MaskedOf<D extends PolicyDocument, P extends string> =
  IsAny<D> extends true ? Readonly<Record<string, unknown>> : MaskedRow<DeclaredAttributes<D, ResourceNameOf<D, P>>>
type MaskedRow<A> = {
  readonly [K in keyof A]?: IsOptional<TypeIn<A[K]>> extends true
    ? MaskedValue<A[K]> | null | undefined
    : MaskedValue<A[K]>
}

/** The context that a check takes. */
export type ContextOf<D extends PolicyDocument> =
  IsAny<D> extends true
    ? object
    : D extends { readonly context: infer C }
      ? Flat<AttributesOf<C>>
      : Readonly<Record<string, unknown>>

/** The subject attributes that a session takes. */
export type SubjectAttributesOf<D extends PolicyDocument> =
  IsAny<D> extends true
    ? Readonly<Record<string, unknown>>
    : D extends { readonly subject: infer S }
      ? Flat<AttributesOf<S>>
      : Readonly<Record<string, unknown>>

type ReadsOf<W, Key extends string> = W extends { readonly all: readonly (infer X)[] }
  ? ReadsOf<X, Key>
  : W extends { readonly any: readonly (infer X)[] }
    ? ReadsOf<X, Key>
    : W extends { readonly not: infer X }
      ? ReadsOf<X, Key>
      : keyof W extends Key
        ? true
        : { [K in keyof W]: W[K][keyof W[K]] }[keyof W] extends `$${Key}`
          ? true
          : false

type Cover<Q> = Q extends readonly (infer X)[]
  ? Cover<X>
  : Q extends '*'
    ? string
    : Q extends `*:${infer A}`
      ? `${string}:${A}`
      : Q extends `${infer R}:*`
        ? `${R}:${string}`
        : Q

type ReadingRule<Rule, Key extends string> = Rule extends { readonly permission: infer Q; readonly when: infer W }
  ? true extends ReadsOf<W, Key>
    ? Cover<Q>
    : never
  : never
type PermitsOf<R> = { [K in keyof R]: R[K] extends { readonly permit: readonly (infer X)[] } ? X : never }[keyof R]
type DeniesOf<D> = D extends { readonly deny: readonly (infer X)[] } ? X : never
type Reading<D extends PolicyDocument, Key extends string> =
  | ReadingRule<PermitsOf<D['roles']>, Key>
  | ReadingRule<DeniesOf<D>, Key>

type ResourcePath = `resource.${string}`
type ContextPath<D> = D extends { readonly context: infer C } ? `context.${keyof C & string}` : never

type IsTenanted<D extends PolicyDocument, P extends string> = Resources<D>[ResourceNameOf<D, P>] extends {
  readonly tenant: string
}
  ? true
  : false
type NeedsResource<D extends PolicyDocument, P extends string> =
  IsTenanted<D, P> extends true ? true : P extends Reading<D, ResourcePath> ? true : false
type NeedsContext<D extends PolicyDocument, P extends string> = P extends Reading<D, ContextPath<D>> ? true : false

/** The arguments after the permission: each is optional unless a rule on that permission reads it. */
export type Target<D extends PolicyDocument, P extends string> =
  IsAny<D> extends true
    ? [resource?: object | undefined, context?: object | undefined]
    : NeedsContext<D, P> extends true
      ? NeedsResource<D, P> extends true
        ? [resource: ResourceOf<D, P>, context: ContextOf<D>]
        : [resource: ResourceOf<D, P> | undefined, context: ContextOf<D>]
      : NeedsResource<D, P> extends true
        ? [resource: ResourceOf<D, P>, context?: ContextOf<D> | undefined]
        : [resource?: ResourceOf<D, P> | undefined, context?: ContextOf<D> | undefined]

/** Whether the attributes of a subject have to be given: at least one of them is required. */
export type HasRequiredAttributes<D extends PolicyDocument> =
  IsAny<D> extends true
    ? false
    : D extends { readonly subject: infer S }
      ? [RequiredKeys<S>] extends [never]
        ? false
        : true
      : false
/** Whether a session has to name ceilings: the document declares some. */
export type HasCeilings<D extends PolicyDocument> =
  IsAny<D> extends true ? false : D extends { readonly ceilings: object } ? true : false
/** Every ceiling of a document. */
export type CeilingOf<D extends PolicyDocument> =
  IsAny<D> extends true ? string : D extends { readonly ceilings: infer C } ? keyof C & string : string
