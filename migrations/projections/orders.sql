-- Orders: one row per order, with the addresses that its checkout returns to.
create table {table} (
    key                text primary key,
    row                json not null,
    account_id         text generated always as (row->>'account_id') stored,
    -- a number, so that 10 comes after 9
    number             bigint generated always as ((row->>'number')::bigint) stored,
    processor_order_id text generated always as (row->>'processor_order_id') stored
);
-- which order has this number, and which come next in the whole ledger?
create index on {table} (number);
-- which orders has this account placed? (a page of them, oldest or newest first)
create index on {table} (account_id, number);
-- which order does a processor's message speak of?
create index on {table} (processor_order_id) where processor_order_id is not null;
