-- Snapshots that were asked for over HTTP: jobs, and where their files are told. They are no facts
-- of the ledger: what a snapshot holds follows from its scope, and one that is lost is taken anew.
create table snapshots (
    id           text primary key,
    -- which events it is of, as it was when it was asked for
    scope        json not null,
    -- who asked
    asked_by     text not null,
    asked_at     timestamptz not null default now(),
    -- how many events are done, and of how many
    done         bigint not null default 0 check (done >= 0),
    total        bigint not null check (total >= 0),
    -- what its files hold, once they are there
    manifest     json,
    -- why there are none
    failure_code text,
    failure      text,
    finished_at  timestamptz,
    -- when somebody took it back
    deleted_at   timestamptz,
    -- since when its files are gone again
    expired_at   timestamptz
);
-- what is still to do, oldest first? and what is old enough to go?
create index on snapshots (asked_at) where finished_at is null;
create index on snapshots (finished_at) where expired_at is null;
