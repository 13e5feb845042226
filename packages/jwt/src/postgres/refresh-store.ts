import type { Grant } from '../issue/grant.js'
import type { FamilyState, NewFamily, RefreshStore, RevokeTarget, RotationStep } from '../issue/refresh-store.js'
import { parseStrictJson } from '../strict-json.js'
import {
  fromHex,
  type PostgresStoreOptions,
  readStoreOptions,
  type TableNames,
  toHex,
  toNumber,
  toText,
} from './tables.js'

/**
 * Families of refresh tokens, one row each. A rotation is one compare-and-swap; ending a family marks its row, stores
 * the revocation of its session and tells the other processes, in one statement that no crash can divide.
 */
export function postgresRefreshStore(options: PostgresStoreOptions): RefreshStore {
  const { client, issuer, names } = readStoreOptions(options, 'postgresRefreshStore')
  const { families } = names
  return Object.freeze({
    async create(family: NewFamily): Promise<void> {
      await client.query(createSql(families), [
        issuer,
        family.id,
        family.grant.subject,
        family.grant.clientId,
        JSON.stringify(family.grant),
        toHex(family.current),
        family.idleMs,
        family.lifetimeMs,
      ])
    },
    async rotate(step: RotationStep): Promise<FamilyState | undefined> {
      const { rows } = await client.query(rotateSql(families), [
        issuer,
        step.id,
        step.clientId,
        String(step.generation),
        toHex(step.from),
        toHex(step.to),
        toHex(step.salt),
        step.idleMs,
      ])
      return rows[0] === undefined ? undefined : toState(rows[0])
    },
    async read(id: string): Promise<FamilyState | undefined> {
      const { rows } = await client.query(`SELECT ${stateColumns} FROM ${families} WHERE issuer = $1 AND id = $2`, [
        issuer,
        id,
      ])
      return rows[0] === undefined ? undefined : toState(rows[0])
    },
    async revoke(target: RevokeTarget): Promise<readonly string[]> {
      const [column, value] = targetColumn(target)
      const { rows } = await client.query(revokeSql(names, column), [issuer, value, names.channel])
      return rows.map(({ id }) => toText(id))
    },
  })
}

/** Time of the statement, not of the transaction: a client may hold one open. */
const now = 'clock_timestamp()'
const isLive = `NOT revoked AND ${now} < idle_until AND ${now} < ends_at`
const stateColumns = `id, family_grant, generation::float8 AS generation,
  CASE WHEN revoked THEN 'revoked' WHEN ${isLive} THEN 'live' ELSE 'expired' END AS phase,
  encode(current_hash, 'hex') AS current_hash, encode(previous_hash, 'hex') AS previous_hash, encode(salt, 'hex') AS salt,
  (extract(epoch FROM ${now} - rotated_at) * 1000)::float8 AS rotated_age_ms`
const later = (parameter: string): string => `${now} + ${parameter}::float8 * interval '1 millisecond'`

/** Each new family sweeps up to eight that have ended: an ended one answers as an unknown one does. */
const createSql = (families: string): string => `WITH ended AS (
  DELETE FROM ${families} WHERE (issuer, id) IN (
    SELECT issuer, id FROM ${families} WHERE issuer = $1 AND idle_until < ${now} - interval '1 day' LIMIT 8 FOR UPDATE SKIP LOCKED
  )
)
INSERT INTO ${families} (issuer, id, subject, client_id, family_grant, generation, current_hash, rotated_at, idle_until, ends_at)
VALUES ($1, $2, $3, $4, $5, 0, decode($6, 'hex'), ${now}, ${later('$7')}, ${later('$8')})`

const rotateSql = (families: string): string => `UPDATE ${families}
SET generation = generation + 1, previous_hash = current_hash, current_hash = decode($6, 'hex'), salt = decode($7, 'hex'),
    rotated_at = ${now}, idle_until = ${later('$8')}
WHERE issuer = $1 AND id = $2 AND client_id = $3 AND generation = $4::bigint AND current_hash = decode($5, 'hex') AND ${isLive}
RETURNING ${stateColumns}`

const revokeSql = ({ families, revocations }: TableNames, column: string): string => `WITH ended AS (
  UPDATE ${families} SET revoked = true WHERE issuer = $1 AND ${column} = $2 AND ${isLive} RETURNING id
), stored AS (
  INSERT INTO ${revocations} (issuer, kind, value, at_ms)
  SELECT $1, 'session', id, floor(extract(epoch FROM ${now}) * 1000)::float8 FROM ended
  ON CONFLICT (issuer, kind, value) DO UPDATE SET at_ms = greatest(${revocations}.at_ms, excluded.at_ms)
  RETURNING value, at_ms
)
SELECT value AS id, pg_notify($3, json_build_object('kind', 'session', 'issuer', $1::text, 'value', value, 'at', at_ms)::text)::text AS told
FROM stored`

function targetColumn(target: RevokeTarget): readonly ['id' | 'subject' | 'client_id', string] {
  if ('session' in target) return ['id', target.session]
  if ('subject' in target) return ['subject', target.subject]
  return ['client_id', target.client]
}

function toState(row: Record<string, unknown>): FamilyState {
  const { id, family_grant, phase, generation, current_hash, previous_hash, salt, rotated_age_ms } = row
  if (phase !== 'live' && phase !== 'expired' && phase !== 'revoked') throw new Error('a row has no such phase')
  return {
    id: toText(id),
    grant: toGrant(toText(family_grant)),
    phase,
    generation: toNumber(generation),
    current: fromHex(current_hash),
    previous: previous_hash === null ? undefined : fromHex(previous_hash),
    salt: salt === null ? undefined : fromHex(salt),
    rotatedAgeMs: toNumber(rotated_age_ms),
  }
}

/** The grant was written by `create` after the issuer had judged it; its shape is not judged again. */
function toGrant(text: string): Grant {
  const grant: unknown = parseStrictJson(new TextEncoder().encode(text), 33)
  if (grant === undefined) throw new Error('a row has no such grant')
  return grant as Grant
}
