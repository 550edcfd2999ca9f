-- Orders: one row per order, with the addresses that its checkout returns to.
create table {table} (
    key                text primary key,
    row                json not null,
    account_id         text generated always as (row->>'account_id') stored,
    -- a number, so that 10 comes after 9
    number             bigint generated always as ((row->>'number')::bigint) stored,
    -- 0 while money is awaited: what somebody has to look at comes first
    done               int generated always as (
        case when row->>'status' in ('pending', 'awaiting_payment') then 0 else 1 end) stored,
    processor_order_id text generated always as (row->>'processor_order_id') stored,
    -- the processor's id of the order, also where it was paid by hand instead
    at_processor       text generated always as (row->'at_processor'->>'processor_order_id') stored,
    -- the processor whose payment is awaited; empty where none was asked yet
    awaits             text generated always as (
        case row->>'status' when 'awaiting_payment' then row->>'processor'
                            when 'pending' then '' end) stored
);
-- which order has this number, and which come next in the whole ledger?
create index on {table} (number);
-- which orders has this account placed? (a page of them, oldest or newest first)
create index on {table} (account_id, number);
-- which order does a processor's message speak of?
create index on {table} (at_processor) where at_processor is not null;
-- which order does this checkout page show?
create index on {table} (processor_order_id) where processor_order_id is not null;
-- which orders does this processor still owe news of? (the reconciler asks it, page by page)
create index on {table} (awaits, key) where awaits is not null;
-- which orders wait for somebody, and which are the newest? (a page of the panel's admin list)
create index on {table} (done, number desc);
