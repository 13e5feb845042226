import type { ConstraintViolation } from './constraint.js'
import type { Assignment, PolicyDocument } from './document.js'
import type { Filter } from './filter.js'
import type { PermissionHandle } from './handle.js'
import type {
  CeilingOf,
  ContextOf,
  FieldOf,
  HasCeilings,
  HasRequiredAttributes,
  MaskedOf,
  PermissionOf,
  ResourceOf,
  SubjectAttributesOf,
  Target,
} from './infer.js'
import type { Decision, Explanation } from './session.js'

/** The subject of a session, with the attributes and ceilings that the document declares. */
export type SubjectInput<D extends PolicyDocument> = {
  /** 1 to 1,024 code units. */
  readonly id: string
  /** 1 to 1,024 code units. Without it, tenant-scoped resources are not permitted. */
  readonly tenant?: string
  /** At most 1,024. An unknown role grants nothing and is listed in `unknownRoles`. */
  readonly roles: readonly (string | Assignment)[]
  /** Authenticator assurance level (SP 800-63B), 0 to 3. Without it, unknown: a deny that reads it denies. */
  readonly assurance?: number
} & (HasRequiredAttributes<D> extends true
  ? { readonly attributes: SubjectAttributesOf<D> }
  : { readonly attributes?: SubjectAttributesOf<D> }) &
  (HasCeilings<D> extends true
    ? {
        /** Their intersection bounds the session; without one, or with one that is unknown, everything is denied. */
        readonly ceilings: readonly [CeilingOf<D>, ...CeilingOf<D>[]] | readonly string[]
      }
    : { readonly ceilings?: readonly string[] })

/** One subject at one instant. No method of a session throws, whatever data it is handed. */
export interface Session<D extends PolicyDocument> {
  readonly subjectId: string
  readonly tenant: string | undefined
  readonly activeRoles: readonly string[]
  readonly unknownRoles: readonly string[]
  /** Ceilings that the policy does not declare. Where it declares some, one of these denies everything. */
  readonly unknownCeilings: readonly string[]
  /** Broken SSD and DSD constraints; while there is one, everything is denied. */
  readonly violations: readonly ConstraintViolation[]
  /** The instant of the session, ms. */
  readonly now: number
  /** The first later instant at which the session itself changes, ms; from then on it denies. `null` if none. */
  readonly validUntil: number | null
  /** True iff {@link Session.decide} says `permit`. */
  can<P extends PermissionOf<D>>(permission: P | PermissionHandle<P>, ...target: Target<D, P>): boolean
  /** Decides, and says which rule decided. */
  decide<P extends PermissionOf<D>>(permission: P | PermissionHandle<P>, ...target: Target<D, P>): Decision
  /** The decision with every rule that bears on it, each comparison's verdict, and never an attribute's value. */
  explain<P extends PermissionOf<D>>(permission: P, ...target: Target<D, P>): Explanation
  /** The fields of the row that may be seen, in clear and masked; both empty on a denied row. */
  fields<P extends PermissionOf<D>>(
    permission: P,
    ...target: Target<D, P>
  ): { readonly clear: readonly FieldOf<D, P>[]; readonly masked: readonly FieldOf<D, P>[] }
  /** A new row of the fields that may be seen, masks applied; `undefined` where the row is denied. */
  mask<P extends PermissionOf<D>>(
    permission: P,
    resource: ResourceOf<D, P>,
    context?: ContextOf<D>,
  ): MaskedOf<D, P> | undefined
  /** Selects exactly the rows that {@link Session.can} permits, as data; `toPostgres` of `./sql` makes SQL of it. */
  where<P extends PermissionOf<D>>(permission: P, context?: ContextOf<D>): Filter
}
