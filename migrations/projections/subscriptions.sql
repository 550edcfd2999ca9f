-- Subscriptions: one row per subscription, live or ended.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    -- the plan of a subscription that runs; null once it is over
    live_plan  text generated always as (
        case when row->>'ended_at' is null then row->'plan'->>'plan_id' end) stored
);
-- which subscriptions has this account had? (a page of them, oldest or newest first)
create index on {table} (account_id, key);
-- who is subscribed to this plan? (a page of them)
create index on {table} (live_plan, key) where live_plan is not null;
