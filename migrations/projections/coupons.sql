-- Coupons: one row per coupon, on offer or withdrawn. The key is the code.
create table {table} (
    key        text primary key,
    row        json not null,
    -- a coupon belongs to no account: null, here because every projection has the column
    account_id text generated always as (row->>'account_id') stored
);
