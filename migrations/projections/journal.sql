-- The journal: one row per subject (an invoice, a payment, an adjustment) with the entries that it
-- brought about (of a refund: sent, and come back), oldest first, and the schedules by which its
-- revenue is earned, up to the day on which its service is over.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    -- the first and the last position of its events: entries after P lie in rows whose last is
    first_position bigint generated always as ((row->>'first_position')::bigint) stored,
    last_position  bigint generated always as ((row->>'position')::bigint) stored
);
-- which subjects have entries after a position?
create index on {table} (last_position);
-- which subjects had entries up to a position?
create index on {table} (first_position);
