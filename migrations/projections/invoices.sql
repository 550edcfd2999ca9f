-- Invoices: one row per invoice, its credit notes inside.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    number     text generated always as (row->>'number') stored,
    status     text generated always as (row->>'status') stored,
    -- text of one width, so that it sorts as the instants do
    issued_at  text collate "C" generated always as (row->>'issued_at') stored
);
-- which invoice has this number?
create index on {table} (number);
-- which invoices has this account been issued? (a page of them, oldest or newest first)
create index on {table} (account_id, issued_at, key);
-- which invoices of the whole ledger are open, paid or credited?
create index on {table} (status, issued_at, key);
