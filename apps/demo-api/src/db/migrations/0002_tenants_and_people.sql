set local role coffer_owner;

create table app.tenants (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z][a-z0-9-]{1,31}$'),
  name text not null check (char_length(name) between 1 and 100),
  plan text not null check (plan in ('starter', 'growth', 'scale')),
  status text not null check (status in ('active', 'suspended')),
  approval_threshold bigint not null default 0 check (approval_threshold between 0 and 999999999999),
  created_at timestamptz(3) not null
);

create table app.data_keys (
  tenant_id uuid references app.tenants (id),
  version smallint not null check (version between 1 and 255),
  record jsonb not null
);
-- The platform's own keyring has no tenant.
create unique index data_keys_version on app.data_keys
  (coalesce(tenant_id, '00000000-0000-0000-0000-000000000000'), version);

create table app.users (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  status text not null check (status in ('active', 'disabled')),
  person uuid not null,
  password_hash text not null check (password_hash like '$argon2id$%'),
  password_changed_at timestamptz(3) not null,
  email app.fle1 not null,
  email_eq app.blind_index_64 not null,
  name app.fle1 not null,
  created_at timestamptz(3) not null,
  unique (tenant_id, id)
);
create unique index users_email_eq on app.users (email_eq);

create table app.role_assignments (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  user_id uuid not null,
  role text not null check (role in ('owner', 'admin', 'maker', 'checker', 'support', 'auditor')),
  granted_by uuid,
  expires_at timestamptz(3),
  created_at timestamptz(3) not null,
  unique (user_id, role),
  foreign key (tenant_id, user_id) references app.users (tenant_id, id),
  foreign key (tenant_id, granted_by) references app.users (tenant_id, id)
);

create table app.api_tokens (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  name text not null check (char_length(name) between 1 and 100),
  owner_user_id uuid not null,
  prefix text not null check (char_length(prefix) = 12),
  token_hash text not null unique check (token_hash ~ '^[0-9a-f]{64}$'),
  scopes text[] not null,
  networks text[] not null default '{}',
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  created_at timestamptz(3) not null,
  foreign key (tenant_id, owner_user_id) references app.users (tenant_id, id)
);

create table app.network_rules (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  position integer not null check (position between 0 and 999),
  cidr text not null check (char_length(cidr) between 3 and 49),
  note text not null default '' check (char_length(note) <= 100),
  created_by uuid not null,
  created_at timestamptz(3) not null,
  unique (tenant_id, position),
  foreign key (tenant_id, created_by) references app.users (tenant_id, id)
);

-- Row security on every table of a tenant, for its owner too. No tenant set: no row.
alter table app.tenants enable row level security;
alter table app.tenants force row level security;
create policy tenant_isolation on app.tenants
  using (id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (id = nullif(current_setting('app.tenant_id', true), '')::uuid);

do $$
declare
  table_name text;
begin
  foreach table_name in array array['data_keys', 'users', 'role_assignments', 'api_tokens', 'network_rules'] loop
    execute format('alter table app.%I enable row level security', table_name);
    execute format('alter table app.%I force row level security', table_name);
    execute format(
      'create policy tenant_isolation on app.%I '
      'using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
      'with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
      table_name
    );
  end loop;
end
$$;

-- What must be found before the tenant is known: the holder of an e-mail address or of an API token.
create policy before_tenant on app.tenants for select to coffer_auth using (true);
create policy before_tenant on app.users for select to coffer_auth using (true);
create policy before_tenant on app.api_tokens for select to coffer_auth using (true);
create policy platform on app.data_keys to coffer_auth using (tenant_id is null) with check (tenant_id is null);

grant select (id, slug, plan, status) on app.tenants to coffer_auth;
grant select (id, tenant_id, status, person, password_hash, email, email_eq) on app.users to coffer_auth;
grant select (id, tenant_id, owner_user_id, token_hash, scopes, expires_at, revoked_at) on app.api_tokens to coffer_auth;
grant select, insert on app.data_keys to coffer_auth;

grant select, update (name, approval_threshold) on app.tenants to coffer_app;
grant select, insert on app.data_keys to coffer_app;
grant
  select (id, tenant_id, status, person, password_changed_at, email, email_eq, name, created_at),
  update (status, password_hash, password_changed_at)
  on app.users to coffer_app;
grant select, insert, update, delete on app.role_assignments to coffer_app;
grant
  select (id, tenant_id, name, owner_user_id, prefix, scopes, networks, expires_at, revoked_at, created_at),
  update (revoked_at)
  on app.api_tokens to coffer_app;
grant select, insert, delete on app.network_rules to coffer_app;

reset role;
