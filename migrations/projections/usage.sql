-- Usage: one row per account that ever counted anything.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored
);
