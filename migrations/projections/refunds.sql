-- Refunds: one row per refund, whether it was sent, in part or not, or came back; asked for here or
-- reported.
create table {table} (
    key          text primary key,
    row          json not null,
    account_id   text generated always as (row->>'account_id') stored,
    -- text of one width, so that it sorts as the instants do
    requested_at text collate "C" generated always as (row->>'requested_at') stored,
    -- the processor whose answer is awaited
    awaits       text generated always as (
        case row->>'status' when 'requested' then row->>'processor' end) stored
);
-- which refunds has this processor not answered? (the reconciler asks it, page by page)
create index on {table} (awaits, key) where awaits is not null;
-- which refunds has this account asked for? (a page of them, oldest or newest first)
create index on {table} (account_id, requested_at, key);
