-- Schedules: one row per account that has an order or a subscription. What a processor runs is on
-- our calendar only where its end is known.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    -- text of one width, so that it sorts as the instants do
    due_at     text collate "C" generated always as (row->>'due_at') stored
);
-- what falls due next, in the whole ledger?
create index on {table} (due_at, key) where due_at is not null;
