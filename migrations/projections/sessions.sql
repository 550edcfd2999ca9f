-- Sessions: one row per session, open, closed or expired.
create table {table} (
    key        text primary key,
    row        json not null,
    -- the one account that the session reaches; null reaches the whole ledger
    account_id text generated always as (row->>'account_id') stored,
    user_id    text generated always as (row->>'user') stored
);
-- whose sessions are these, newest last?
create index on {table} (user_id, key);
