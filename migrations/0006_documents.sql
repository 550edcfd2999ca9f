-- Documents as files. What a document says is in the log, and so is the hash of its bytes; the bytes
-- themselves are kept here so that a second download costs no printing. They are operational: what
-- is lost is printed again from the log, byte for byte.
create table documents (
    -- the id of the invoice or of the credit note
    document   text collate "C" primary key,
    account_id text collate "C" not null,
    -- of the bytes, lower-case hex
    sha256     text not null check (sha256 ~ '^[0-9a-f]{64}$'),
    bytes      bytea not null check (octet_length(bytes) > 0),
    -- the position of the log as of which it is printed
    shows      bigint not null check (shows > 0),
    -- how it was printed
    printing   json not null,
    -- the position of its document.rendered; null until that is appended
    recorded   bigint check (recorded > 0),
    created_at timestamptz not null default now()
);
-- a PDF is compressed already
alter table documents alter column bytes set storage external;
-- which documents were printed and not recorded yet?
create index on documents (document) where recorded is null;

-- Logos that documents were printed with: the setting may change, a document does not.
create table document_logos (
    sha256     text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
    bytes      bytea not null,
    created_at timestamptz not null default now()
);

-- Documents that could not be printed: they hold up no others, and are tried again.
create table document_failures (
    document   text collate "C" primary key,
    account_id text collate "C" not null,
    problem    text not null,
    tries      integer not null check (tries > 0),
    next_at    timestamptz not null
);
-- which are tried again next?
create index on document_failures (next_at);

-- How far the worker has followed the log: documents that were issued before this ledger knew of
-- printing are printed when somebody asks for them.
create table document_follower (
    book     integer primary key default 1 check (book = 1),
    position bigint not null check (position >= 0)
);
insert into document_follower (position) select position from head where book = 1;
