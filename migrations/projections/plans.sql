-- Plans: one row per plan, on offer or retired.
create table {table} (
    key        text primary key,
    row        json not null,
    -- a plan belongs to no account: null, here because every projection has the column
    account_id text generated always as (row->>'account_id') stored,
    slug       text generated always as (row->>'slug') stored,
    number     text generated always as (row->>'number') stored
);
-- which plan has this slug?
create index on {table} (slug);
-- which plan has this number?
create index on {table} (number);
