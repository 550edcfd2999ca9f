-- The sandbox's own books: its side of the world, not the ledger's. It is a processor without
-- money, and what it was asked, paid and has to say must outlive a process as a real one's would.
-- Every time here is real time: people and sockets wait by it, whatever the ledger's clock says.
create table sandbox_payments (
    payment_id      text collate "C" primary key,
    -- the sandbox's id of the order, and ours
    order_id        text collate "C" not null,
    receipt         text not null,
    currency        text not null,
    -- minor units, here and below
    amount          bigint not null check (amount > 0),
    status          text not null
        check (status in ('created', 'authorized', 'captured', 'failed', 'refunded')),
    -- what the sandbox keeps, with the tax on it; the tax
    fee             bigint check (fee >= 0),
    tax             bigint check (tax between 0 and fee),
    amount_refunded bigint not null default 0 check (amount_refunded between 0 and amount),
    created_at      timestamptz not null default now(),
    -- when a failed payment is authorised after all
    authorises_at   timestamptz
);
-- the payments of an order, for its page and for whoever asks what became of it
create index on sandbox_payments (order_id, created_at);
-- what happened within a time?
create index on sandbox_payments (created_at);
-- what is authorised next?
create index on sandbox_payments (authorises_at) where authorises_at is not null;

create table sandbox_refunds (
    refund_id  text collate "C" primary key,
    -- not always one of the above: a ledger whose history was simulated has refunds too
    payment_id text collate "C" not null,
    -- our id of it, where the ledger asked for it
    receipt    text,
    currency   text not null,
    amount     bigint not null check (amount > 0),
    created_at timestamptz not null default now()
);
-- what went back of a payment?
create index on sandbox_refunds (payment_id, created_at);
-- what happened within a time?
create index on sandbox_refunds (created_at);

create table sandbox_disputes (
    dispute_id      text collate "C" primary key,
    -- a payment is disputed once
    payment_id      text collate "C" not null unique references sandbox_payments,
    currency        text not null,
    amount          bigint not null check (amount > 0),
    amount_deducted bigint not null default 0 check (amount_deducted between 0 and amount),
    status          text not null check (status in ('open', 'won', 'lost')),
    created_at      timestamptz not null default now(),
    changed_at      timestamptz not null default now()
);

create table sandbox_messages (
    number       bigint generated always as identity primary key,
    event_id     text collate "C" not null unique,
    event        text not null,
    payment_id   text collate "C" not null,
    -- exactly as it is signed and sent
    body         text not null,
    due_at       timestamptz not null,
    -- the next try; while somebody tries, the end of its lease
    next_at      timestamptz not null,
    tries        integer not null default 0 check (tries >= 0),
    -- the last answer's status; null where none came
    last_status  integer,
    delivered_at timestamptz
);
-- what is to be sent next?
create index on sandbox_messages (next_at) where delivered_at is null;
-- what was said of a payment?
create index on sandbox_messages (payment_id, number);
