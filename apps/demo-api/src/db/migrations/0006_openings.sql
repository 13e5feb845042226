set local role coffer_owner;

-- Who opened which encrypted fields of which rows, why, and under which request. Written in the transaction that reads
-- the rows, before anything is released. Rows are added and read, never changed: no role that serves requests may.
create table app.openings (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  at timestamptz(3) not null,
  request_id text not null check (request_id ~ '^req_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
  actor text not null check (actor ~ '^(usr|tok)_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
  purpose text not null check (purpose ~ '^[a-z]{1,16}$'),
  object text not null check (object ~ '^[a-z_]{1,32}$'),
  row_ids uuid[] not null,
  fields text[] not null,
  key_ids text[] not null,
  outcome text not null check (outcome in ('success', 'partial', 'failure')),
  code text check (code ~ '^COFFER_[A-Z_]{1,64}$'),
  decision_id text check (decision_id ~ '^dec_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
  reason text check (reason ~ '^[a-z_]{1,32}$'),
  check (outcome <> 'success' or code is null)
);
create index openings_tenant on app.openings (tenant_id, id);
create index openings_actor on app.openings (tenant_id, actor, purpose, at);

alter table app.openings enable row level security;
alter table app.openings force row level security;
create policy tenant_isolation on app.openings
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on app.openings to coffer_app;

reset role;
