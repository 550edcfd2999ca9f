-- Subscriptions: one row per subscription, live or ended.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    plan_id    text generated always as (row->'plan'->>'plan_id') stored,
    status     text generated always as (row->>'status') stored
);
-- which subscriptions has this account had? (a page of them, oldest or newest first)
create index on {table} (account_id, key);
-- who is subscribed to this plan? (a page of them)
create index on {table} (plan_id, key) where status <> 'ended';
