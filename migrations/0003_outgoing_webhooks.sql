-- Outgoing webhooks. They are operational, no facts of the ledger: a secret must be readable to sign
-- with it, and whatever is readable stays out of the log. What is sent is made from the log each time
-- it is sent, so no copy of it lies here.
create table webhook_endpoints (
    id                  text collate "C" primary key,
    -- whose events it hears; null hears the whole ledger
    account             text collate "C",
    url                 text not null,
    format              text not null check (format in ('standard', 'v1')),
    -- the types that it wants; none is all of interest
    events              text[] not null default '{}',
    description         text not null default '',
    -- the newest secret, and while it is being rotated the one before
    secret              text not null,
    secret_before       text,
    secret_before_until timestamptz,
    enabled             boolean not null default true,
    disabled_reason     text,
    disabled_at         timestamptz,
    -- when a delivery last got through
    delivered_at        timestamptz,
    -- everything up to this position is planned
    planned_to          bigint not null check (planned_to >= 0),
    created_at          timestamptz not null
);

create table webhook_deliveries (
    -- the `webhook-id` of every attempt
    id                text collate "C" primary key,
    endpoint          text collate "C" not null references webhook_endpoints on delete cascade,
    -- which event; null is a test
    position          bigint,
    -- the event's stream, and what was planned before for the same stream on this endpoint; 0 is none
    stream            text collate "C" not null,
    previous_position bigint not null default 0,
    type              text not null,
    status            text not null check (status in ('pending', 'delivered', 'given_up')),
    -- how many attempts there were, and how many of them in this run of the schedule
    attempts          integer not null default 0,
    tries             integer not null default 0,
    -- when this run of the schedule began, and when the next attempt is due
    run_from          timestamptz not null,
    next_at           timestamptz,
    -- until when somebody is sending it
    leased_until      timestamptz,
    planned_at        timestamptz not null,
    finished_at       timestamptz,
    -- each event once on each endpoint, however often processes crash
    unique (endpoint, position),
    check ((status = 'pending') = (next_at is not null))
);
-- what is due?
create index on webhook_deliveries (next_at) where status = 'pending';
-- what was planned before for the same stream?
create index on webhook_deliveries (endpoint, stream, position);
-- is an earlier one of the same stream still waiting for its first attempt?
create index on webhook_deliveries (endpoint, stream, position) where status = 'pending' and tries = 0;
-- an endpoint's deliveries, page by page
create index on webhook_deliveries (endpoint, id);

create table webhook_attempts (
    delivery    text collate "C" not null references webhook_deliveries on delete cascade,
    number      integer not null,
    at          timestamptz not null,
    duration_ms bigint not null,
    -- the HTTP status; null where there was no answer, and then the reason is said
    status      integer,
    problem     text,
    -- the beginning of the answer
    answer      text,
    primary key (delivery, number)
);

-- Which requests about webhooks have been done, by their idempotency keys.
create table webhook_requests (
    scope       text not null,
    key         text not null,
    fingerprint bytea not null,
    -- the id of what the request was about
    made        text not null,
    primary key (scope, key)
);
