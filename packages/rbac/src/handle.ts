/** A permission of one policy object, resolved once. In another policy it is looked up again by its name. */
export class PermissionHandle<P extends string = string> {
  readonly name: P
  /** @internal */
  readonly owner: object
  /** @internal */
  readonly id: number

  constructor(name: P, owner: object, id: number) {
    this.name = name
    this.owner = owner
    this.id = id
    Object.freeze(this)
  }
}
