-- Features: one row per feature that was ever switched.
create table {table} (
    key text primary key,
    row json not null
);
