-- Accounts: one row per account, with its credit.
create table {table} (
    key         text primary key,
    row         json not null,
    account_id  text generated always as (row->>'account_id') stored,
    external_id text generated always as (row->>'external_id') stored
);
-- which account is this customer of the panel?
create index on {table} (external_id) where external_id is not null;
