-- The inbox: what processors send, as it came, before anybody has made anything of it. Messages are
-- no facts of the ledger: what they amount to is in the log, command by command, and they can be
-- read anew after a fix.
create table inbox (
    inbox_id    bigint generated always as identity primary key,
    processor   text not null,
    -- SHA-256 of the body, in hex. The key is the signed bytes themselves: an event id in a header
    -- is not signed, so whoever replays an old body under a new id, or blocks an id that is yet to
    -- come, must not be heard.
    digest      text not null,
    -- the processor's own id of the message, where it has one
    event_id    text,
    headers     json not null,
    body        bytea not null,
    received_at timestamptz not null default now(),
    unique (processor, digest)
);
-- which deliveries has this event of the processor's had?
create index on inbox (processor, event_id) where event_id is not null;

create trigger inbox_is_immutable before update or delete on inbox
    for each row execute function refuse_change();
create trigger inbox_is_not_truncated before truncate on inbox
    for each statement execute function refuse_change();
alter table inbox enable always trigger inbox_is_immutable;
alter table inbox enable always trigger inbox_is_not_truncated;

-- What became of each message: the last word, and when somebody looks again.
create table inbox_outcomes (
    inbox_id   bigint primary key references inbox,
    -- new, waiting, booked, known, nothing, aside
    state      text not null default 'new',
    -- the processor's name of the event, where the message can be read
    event      text,
    -- why it waits or is kept aside: a stable code, and a sentence
    code       text,
    detail     text,
    account_id text,
    -- the positions that it brought about
    positions  bigint[] not null default '{}',
    tries      int not null default 0,
    -- when it is looked at next; null where nobody has to
    next_at    timestamptz default now(),
    settled_at timestamptz
);
-- what is to be read, oldest first?
create index on inbox_outcomes (next_at, inbox_id) where next_at is not null;
-- what was kept aside, or waits? (a page of them, newest first)
create index on inbox_outcomes (state, inbox_id);

-- What came without a signature that holds: kept for whoever wonders, never read. No more than
-- sixty a minute, and pruned.
create table inbox_refused (
    refused_id  bigint generated always as identity primary key,
    processor   text not null,
    -- signature_missing, signature_invalid, webhook_secret_missing
    code        text not null,
    digest      text not null,
    bytes       bigint not null,
    headers     json not null,
    -- the first 4 KiB
    head        bytea not null,
    address     text,
    received_at timestamptz not null default now()
);
-- how many came in the last minute, and which are old enough to go?
create index on inbox_refused (received_at);

-- What the reconciler found, run by run: how far a processor has been asked, and what differed.
create table reconciliations (
    reconciliation_id bigint generated always as identity primary key,
    processor         text not null,
    -- what the processor did within this time was compared
    from_at           timestamptz not null,
    to_at             timestamptz not null,
    -- whether the processor answered everything
    complete          boolean not null,
    report            json not null,
    finished_at       timestamptz not null default now()
);
-- how far has this processor been asked?
create index on reconciliations (processor, to_at) where complete;
