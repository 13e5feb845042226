set local role coffer_owner;

-- Signing keys (private halves sealed under the platform keyring) and revocations of access tokens. They belong to the
-- platform: a token is judged before its tenant is known.
create table app.signing_key_rings (
  issuer text primary key,
  version bigint not null check (version > 0),
  body text not null
);

create table app.token_revocations (
  id bigint generated always as identity primary key,
  issuer text not null,
  kind text not null check (kind in ('issuer', 'token', 'session', 'subject', 'client')),
  value text,
  at timestamptz(3) not null,
  check ((kind = 'issuer') = (value is null))
);
create index token_revocations_at on app.token_revocations (issuer, at);

grant select, insert, update on app.signing_key_rings to coffer_auth;
grant select, insert, delete on app.token_revocations to coffer_auth;

reset role;
