-- Jobs: long work that answers at once and goes on in the background. They are operational, no
-- facts of the ledger: what a job does is in the log, event by event, and a job that is lost is
-- begun anew from there.
create table jobs (
    -- the id of the event that asked for it, such as a reapplication's
    id          text primary key,
    kind        text not null,
    -- what is asked, as the kind wants it
    spec        json not null,
    -- how many there were to do when it began
    total       bigint not null check (total >= 0),
    -- how many of them were changed, and how many left as they were
    changed     bigint not null default 0 check (changed >= 0),
    skipped     bigint not null default 0 check (skipped >= 0),
    -- everything up to here is done
    cursor      text collate "C" not null default '',
    asked_at    timestamptz not null default now(),
    finished_at timestamptz
);
-- what is still to do, oldest first?
create index on jobs (asked_at) where finished_at is null;
