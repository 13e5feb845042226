-- Four roles, none of which can log in: the login switches to one of them at the start of every transaction.
--   coffer_owner  owns schemas and tables: migrations
--   coffer_app    one tenant's rows, chosen by app.tenant_id
--   coffer_auth   named columns across tenants, before the tenant is known, and the token tables
--   coffer_vault  primary account numbers
-- Roles belong to the whole server, so another database of it may have made them already.
do $$
declare
  role_name text;
  -- From PostgreSQL 16 on, who creates a role is a member of it without the right to become it.
  becoming text := case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end;
begin
  foreach role_name in array array['coffer_owner', 'coffer_app', 'coffer_auth', 'coffer_vault'] loop
    if not exists (select from pg_roles where rolname = role_name) then
      begin
        execute format('create role %I nologin', role_name);
      exception when duplicate_object or unique_violation then null;
      end;
    end if;
    if not pg_has_role(current_user, role_name, becoming) then
      execute format('grant %I to current_user', role_name);
    end if;
  end loop;
end
$$;

create schema app authorization coffer_owner;
create schema vault authorization coffer_owner;
set local role coffer_owner;
revoke all on schema app, vault from public;
grant usage on schema app to coffer_app, coffer_auth, coffer_vault;
grant usage on schema vault to coffer_vault;

-- The text form of a field-encryption value: plaintext cannot be stored in such a column by mistake.
create domain app.fle1 as text check (value ~ '^fle1\.[04][1-4][0-9a-f]{8}\.[A-Za-z0-9_-]{66,}$');
-- Blind index tokens in hexadecimal: one byte of key version, then the bits.
create domain app.blind_index_64 as text check (value ~ '^[0-9a-f]{18}$');
create domain app.blind_index_128 as text check (value ~ '^[0-9a-f]{34}$');
reset role;
