-- Documents: one row per invoice and per credit note, printed or not.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    number     text generated always as (row->>'number') stored
);
-- which document has this number?
create index on {table} (number);
-- which documents does this account have? (a page of them)
create index on {table} (account_id, key);
