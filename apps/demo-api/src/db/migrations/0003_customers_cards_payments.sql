set local role coffer_owner;

create table app.customers (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  status text not null check (status in ('active', 'restricted')),
  name app.fle1 not null,
  email app.fle1,
  email_eq app.blind_index_64,
  phone app.fle1,
  phone_eq app.blind_index_64,
  address app.fle1,
  date_of_birth app.fle1,
  national_id app.fle1,
  created_by text not null,
  created_at timestamptz(3) not null,
  unique (tenant_id, id),
  check ((email is null) = (email_eq is null)),
  check ((phone is null) = (phone_eq is null))
);
create index customers_email_eq on app.customers (tenant_id, email_eq);
create index customers_phone_eq on app.customers (tenant_id, phone_eq);

-- The only place of a primary account number, with a keyed index over all of it. Its truncation lives in app.cards.
create table vault.pans (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  pan app.fle1 not null,
  pan_eq app.blind_index_128 not null,
  created_at timestamptz(3) not null,
  unique (tenant_id, id),
  unique (tenant_id, pan_eq)
);

create table app.cards (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  customer_id uuid not null,
  vault_ref uuid not null,
  brand text not null check (brand in ('visa', 'mastercard', 'amex', 'discover', 'verve')),
  bin text not null check (bin ~ '^[0-9]{6}$'),
  last4 text not null check (last4 ~ '^[0-9]{4}$'),
  exp_month smallint not null check (exp_month between 1 and 12),
  exp_year smallint not null check (exp_year between 2000 and 2099),
  status text not null check (status in ('active')),
  cardholder_name app.fle1 not null,
  created_by text not null,
  created_at timestamptz(3) not null,
  unique (tenant_id, id),
  unique (tenant_id, customer_id, id),
  foreign key (tenant_id, customer_id) references app.customers (tenant_id, id),
  foreign key (tenant_id, vault_ref) references vault.pans (tenant_id, id)
);
create index cards_customer on app.cards (tenant_id, customer_id, id);

create table app.payments (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  customer_id uuid not null,
  card_id uuid not null,
  currency text not null check (currency in ('NGN', 'GBP', 'USD', 'EUR', 'KES')),
  status text not null check (status in ('requires_approval', 'succeeded', 'rejected', 'canceled')),
  amount app.fle1 not null,
  description app.fle1,
  metadata app.fle1,
  requested_by text not null,
  requested_by_person uuid not null,
  decided_by text,
  decided_at timestamptz(3),
  decision_id text,
  policy_hash text,
  created_at timestamptz(3) not null,
  unique (tenant_id, id),
  foreign key (tenant_id, customer_id) references app.customers (tenant_id, id),
  -- A card pays for its own customer only.
  foreign key (tenant_id, customer_id, card_id) references app.cards (tenant_id, customer_id, id),
  check ((decided_by is null) = (decided_at is null)),
  check (status not in ('rejected') or decided_by is not null),
  check (status not in ('requires_approval') or decided_by is null)
);
create index payments_customer on app.payments (tenant_id, customer_id, id);
create index payments_status on app.payments (tenant_id, status, id);

create table app.idempotency_keys (
  id uuid primary key,
  tenant_id uuid not null references app.tenants (id),
  principal text not null,
  route text not null,
  key text not null check (key ~ '^[A-Za-z0-9_-]{1,64}$'),
  fingerprint text not null check (fingerprint ~ '^[0-9a-f]{64}$'),
  status smallint not null check (status between 200 and 299),
  answer app.fle1 not null,
  expires_at timestamptz(3) not null,
  unique (tenant_id, principal, route, key)
);

do $$
declare
  table_name text;
begin
  foreach table_name in array array['app.customers', 'app.cards', 'app.payments', 'app.idempotency_keys', 'vault.pans'] loop
    execute format('alter table %s enable row level security', table_name);
    execute format('alter table %s force row level security', table_name);
    execute format(
      'create policy tenant_isolation on %s '
      'using (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '
      'with check (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid)',
      table_name
    );
  end loop;
end
$$;

grant
  select, insert,
  update (status, name, email, email_eq, phone, phone_eq, address, date_of_birth, national_id)
  on app.customers to coffer_app;
grant select, insert on app.cards to coffer_app;
grant select, insert, update (status, decided_by, decided_at, decision_id, policy_hash) on app.payments to coffer_app;
grant select, insert, delete on app.idempotency_keys to coffer_app;
grant select, insert on vault.pans to coffer_vault;

reset role;
