import { isObject, nearest } from './issues.js'
import { at } from './json.js'
import type { Attribute, Resource } from './model.js'
import type { Shape } from './shape.js'
import type { Json } from './snapshot.js'
import { isText, type Kind, NO_MEMBERS, type ValueType } from './value.js'

const MAX_PERMISSIONS = 65_536
const MAX_LIST = 1000
/** Every mask, by name. */
export const MASKS = ['redact', 'last4', 'bin6last4', 'email'] as const

/** Reads the type of an attribute; `lists` where it may be a list. */
export function readType(json: Json, pointer: string, lists: boolean, shape: Shape): ValueType {
  if (Array.isArray(json)) return readEnum(json, pointer, shape)
  const match = typeof json === 'string' ? /^(id|string|int|bool|timestamp)(\[\])?(\?)?$/.exec(json) : null
  const kind = match?.[1] as Exclude<Kind, 'enum'> | undefined
  const list = match?.[2] !== undefined
  if (kind === undefined || (list && (!lists || kind === 'bool' || kind === 'timestamp'))) {
    const names = `id, string, int, bool, timestamp${lists ? ', id[], string[], int[]' : ''}`
    const hint = `${names}, with ? if it may be absent, or the list of its allowed texts, e.g. ["open","paid"]`
    shape.issues.add('attribute-type', pointer, 'not a type', hint)
    return { kind: 'string', members: NO_MEMBERS, optional: true, list: false }
  }
  return { kind, members: NO_MEMBERS, optional: match?.[3] !== undefined, list }
}

function readEnum(json: readonly Json[], pointer: string, shape: Shape): ValueType {
  const texts = shape.texts(json, pointer, 'texts', 1, MAX_LIST)
  const optional = texts.at(-1)?.[0] === '?'
  const members = (optional ? texts.slice(0, -1) : texts).map(([text, place]) => {
    if (text === '' || text.length > 1024 || !isText(text))
      shape.issues.add('attribute-type', place(), 'not a member', 'a text of 1 to 1024 code units')
    return text
  })
  if (members.length === 0) shape.issues.add('attribute-type', pointer, 'a choice of nothing', 'at least one text')
  if (new Set(members).size !== members.length)
    shape.issues.add('attribute-type', pointer, 'a text occurs twice', 'list each once')
  return { kind: 'enum', members: shape.choice(members), optional, list: false }
}

/** Reads one kind of resource: its actions, attributes and tenant. */
export function readResource(name: string, json: Json, pointer: string, shape: Shape): Resource {
  const object = shape.object(json, pointer, ['actions'], ['attributes', 'tenant', 'description'])
  shape.description(object, pointer)
  const actions = shape.texts(object['actions'], at(pointer, 'actions'), 'actions', 1, MAX_PERMISSIONS)
  const names = actions.filter(([text, place]) => shape.name(text, place())).map(([text]) => text)
  if (new Set(names).size !== names.length)
    shape.issues.add('duplicate-id', at(pointer, 'actions'), 'an action occurs twice', 'list each once')
  const attributes = new Map(
    shape
      .entries(object['attributes'], at(pointer, 'attributes'))
      .map(([key, value, place]) => [key, readAttribute(key, value, place, shape)]),
  )
  return {
    name,
    actions: [...new Set(names)],
    attributes,
    tenant: readTenant(object['tenant'], at(pointer, 'tenant'), attributes, shape),
  }
}

function readTenant(
  json: Json | undefined,
  pointer: string,
  attributes: ReadonlyMap<string, Attribute>,
  shape: Shape,
): string | undefined {
  if (json === undefined) return undefined
  if (typeof json !== 'string') {
    shape.issues.add('value-type', pointer, 'has to be a text', 'name an attribute of type id')
    return undefined
  }
  const attribute = attributes.get(json)
  if (attribute?.type.kind === 'id') return attribute.name
  const ids = [...attributes.values()].filter((entry) => entry.type.kind === 'id').map((entry) => entry.name)
  shape.issues.add('tenant-invalid', pointer, 'does not name an attribute of type id', nearest(json, ids))
  return undefined
}

function readAttribute(name: string, json: Json, pointer: string, shape: Shape): Attribute {
  if (!isObject(json))
    return { name, type: readType(json, pointer, false, shape), mask: undefined, column: name, columnType: undefined }
  const object = shape.object(json, pointer, ['type'], ['mask', 'column', 'columnType'])
  const type = readType(object['type'] ?? null, at(pointer, 'type'), false, shape)
  const maskText = object['mask']
  const mask = MASKS.find((entry) => entry === maskText)
  if (maskText !== undefined && mask === undefined)
    shape.issues.add('mask-unknown', at(pointer, 'mask'), 'not a mask', MASKS.join(', '))
  const column = object['column'] === undefined ? name : shape.text(object['column'], at(pointer, 'column'), 63)
  if (!isText(column))
    shape.issues.add('value-type', at(pointer, 'column'), 'not a column name', 'no NUL, no lone surrogate')
  const columnType = shape.oneOf(object['columnType'], at(pointer, 'columnType'), ['text', 'uuid'])
  if (columnType === 'uuid' && type.kind !== 'id' && type.kind !== 'string')
    shape.issues.add('value-type', at(pointer, 'columnType'), 'uuid is for id and string', 'remove columnType')
  return { name, type, mask, column, columnType: columnType === 'uuid' ? 'uuid' : undefined }
}
