-- Payments: one row per captured payment, with its fee, its disputes and its refunds
-- that were sent and did not come back.
create table {table} (
    key                  text primary key,
    row                  json not null,
    account_id           text generated always as (row->>'account_id') stored,
    processor            text generated always as (row->>'processor') stored,
    processor_payment_id text generated always as (row->>'processor_payment_id') stored,
    -- text of one width, so that it sorts as the instants do
    captured_at          text collate "C" generated always as (row->>'captured_at') stored,
    -- what the export shows besides: a million rows go out without a look into their JSON
    order_id             text generated always as (row->>'order_id') stored,
    order_number         text generated always as (row->>'order_number') stored,
    invoice_id           text generated always as (row->>'invoice_id') stored,
    processor_order_id   text generated always as (row->>'processor_order_id') stored,
    currency             text generated always as (row->'amount'->>'currency') stored,
    amount               text generated always as (row->'amount'->>'amount') stored,
    refunded             text generated always as (row->'refunded'->>'amount') stored,
    status               text generated always as (row->>'status') stored
);
-- which payments has this account made? (a page of them, oldest or newest first)
create index on {table} (account_id, captured_at, key);
-- which payments came in between two instants, in the whole ledger?
create index on {table} (captured_at, key);
-- which payment is it that a processor knows by this id?
create index on {table} (processor, processor_payment_id);
