-- Keys: one row per API key, working or not, with the key that took its place.
create table {table} (
    key        text primary key,
    row        json not null,
    -- the one account that the key reaches; null reaches the whole ledger
    account_id text generated always as (row->>'account_id') stored,
    hash       text generated always as (row->>'hash') stored
);
-- which key is this, by the SHA-256 that is reckoned from the key?
create index on {table} (hash);
