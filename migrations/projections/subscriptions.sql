-- Subscriptions: one row per subscription, live or ended.
create table {table} (
    key        text primary key,
    row        json not null,
    account_id text generated always as (row->>'account_id') stored,
    -- the plan of a subscription that runs; null once it is over
    live_plan  text generated always as (
        case when row->>'ended_at' is null then row->'plan'->>'plan_id' end) stored,
    -- the processor that runs it, and its id there; null where the ledger runs it
    processor  text generated always as (row->'run_by'->>'processor') stored,
    processor_subscription_id text generated always as (
        row->'run_by'->>'processor_subscription_id') stored
);
-- which subscriptions has this account had? (a page of them, oldest or newest first)
create index on {table} (account_id, key);
-- who is subscribed to this plan? (a page of them)
create index on {table} (live_plan, key) where live_plan is not null;
-- which subscription is it that a processor knows by this id?
create index on {table} (processor, processor_subscription_id) where processor is not null;
