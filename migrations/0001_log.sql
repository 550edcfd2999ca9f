-- The log: events in one order without gaps, and the head row that orders them.
-- Owned by the owner role; the serving role may only add (the migrator grants it that much).

-- One row: the lock that orders everything, and what the next append needs to know.
create table head (
    book        integer primary key check (book = 1),
    -- the ledger's id, part of every hashed line
    ledger      uuid not null,
    -- the last position given out; 0 is an empty log
    position    bigint not null check (position >= 0),
    -- when the last event was recorded: recorded_at never decreases
    recorded_at timestamptz,
    -- the right edge of the Merkle tree over the lines, RFC 6962
    frontier    bytea not null,
    -- how far document, plan and order numbers have been given out
    numbers     json not null
) with (fillfactor = 10);

insert into head (book, ledger, position, recorded_at, frontier, numbers)
values (1, gen_random_uuid(), 0, null, '', '{}');

create table events (
    -- head + 1, given out under the lock: no sequence, so no gap and no reordering
    position       bigint primary key,
    stream         text collate "C" not null,
    version        bigint not null check (version > 0),
    type           text not null,
    schema_version smallint not null check (schema_version > 0),
    recorded_at    timestamptz not null,
    effective_at   timestamptz not null check (effective_at <= recorded_at),
    posting_on     date not null,
    -- the document, plan or order number assigned with the event
    number         text,
    -- json, not jsonb: the exact text is what is hashed
    origin         json not null,
    payload        json not null,
    -- SHA-256(0x00 || line)
    leaf_hash      bytea not null check (octet_length(leaf_hash) = 32),
    -- serves reading one stream, and is the second wall against a forked stream
    unique (stream, version)
);

-- Idempotency keys, written in the transaction of the events that they name.
create table idempotency_keys (
    -- who may use the key: one caller's keys never meet another's
    scope          text not null,
    key            text not null,
    -- SHA-256 over what was asked: another body under the same key is refused
    fingerprint    bytea not null check (octet_length(fingerprint) = 32),
    first_position bigint not null,
    last_position  bigint not null check (last_position >= first_position),
    primary key (scope, key)
);

-- Append-only: not even the owner changes or removes what happened.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on % is refused: the log is append-only', tg_op, tg_table_name
        using errcode = 'restrict_violation';
end $$;

create trigger events_are_immutable before update or delete on events
    for each row execute function refuse_change();
create trigger events_are_not_truncated before truncate on events
    for each statement execute function refuse_change();
create trigger keys_are_immutable before update or delete on idempotency_keys
    for each row execute function refuse_change();
create trigger keys_are_not_truncated before truncate on idempotency_keys
    for each statement execute function refuse_change();
-- `always`: session_replication_role = replica does not skip them
alter table events enable always trigger events_are_immutable;
alter table events enable always trigger events_are_not_truncated;
alter table idempotency_keys enable always trigger keys_are_immutable;
alter table idempotency_keys enable always trigger keys_are_not_truncated;

-- What the processes need to agree on that is no fact of the ledger, such as the sandbox's secret.
create table settings (
    name  text primary key,
    value text not null
);

-- How far each projection has come. It lies beside the log, since the projections' own schema is
-- remade by rebuilds.
create table checkpoints (
    projection text primary key,
    -- every event up to here is in the rows
    position   bigint not null check (position >= 0),
    -- SHA-256 over the table's definition: another one means a rebuild
    definition text not null
);
