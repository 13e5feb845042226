set local role coffer_owner;
set local search_path = app, pg_temp;

-- The tables of @coffer/jwt's stores, as its postgresTablesSql() gives them: refresh-token families (keyed hashes, no
-- token), key rings (private halves sealed) and revocations. They belong to the platform: a token is judged before its
-- tenant is known.
CREATE TABLE IF NOT EXISTS coffer_jwt_families (
  issuer text NOT NULL,
  id text NOT NULL,
  subject text NOT NULL,
  client_id text NOT NULL,
  family_grant text NOT NULL,
  generation bigint NOT NULL,
  current_hash bytea NOT NULL,
  previous_hash bytea,
  salt bytea,
  rotated_at timestamptz NOT NULL,
  idle_until timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  revoked boolean NOT NULL DEFAULT false,
  PRIMARY KEY (issuer, id)
);
CREATE INDEX IF NOT EXISTS coffer_jwt_families_subject ON coffer_jwt_families (issuer, subject) WHERE NOT revoked;
CREATE INDEX IF NOT EXISTS coffer_jwt_families_client ON coffer_jwt_families (issuer, client_id) WHERE NOT revoked;
CREATE INDEX IF NOT EXISTS coffer_jwt_families_idle ON coffer_jwt_families (issuer, idle_until);
CREATE TABLE IF NOT EXISTS coffer_jwt_key_rings (
  issuer text PRIMARY KEY,
  version bigint NOT NULL,
  body text NOT NULL
);
CREATE TABLE IF NOT EXISTS coffer_jwt_revocations (
  issuer text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('issuer', 'subject', 'client', 'session', 'token')),
  value text NOT NULL,
  at_ms double precision NOT NULL,
  PRIMARY KEY (issuer, kind, value)
);
CREATE INDEX IF NOT EXISTS coffer_jwt_revocations_at ON coffer_jwt_revocations (issuer, at_ms);

-- What the two tables before them hold stays in force.
insert into coffer_jwt_key_rings (issuer, version, body) select issuer, version, body from signing_key_rings;
insert into coffer_jwt_revocations (issuer, kind, value, at_ms)
  select issuer, kind, coalesce(value, ''), max(extract(epoch from at) * 1000)::double precision
    from token_revocations group by issuer, kind, coalesce(value, '');
drop table signing_key_rings;
drop table token_revocations;

grant select, insert, update on coffer_jwt_key_rings to coffer_auth;
grant select, insert, update, delete on coffer_jwt_families, coffer_jwt_revocations to coffer_auth;

reset search_path;
reset role;
