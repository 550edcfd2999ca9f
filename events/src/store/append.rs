//! The only INSERT into the log, and the lock that orders it.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::{StoreError, read::Head, request::IdempotencyKey};
use crate::{
    envelope::{Recorded, Stored},
    merkle::{Frontier, Hash},
    numbers::Numbers,
};

/// Begins the transaction and locks the head row: the returned head is the newest committed one,
/// since a row that was waited for is read again after the wait.
pub(super) async fn lock_head(connection: &mut PgConnection) -> Result<Head, StoreError> {
    // One message for both: a round trip less under the lock.
    let row = sqlx::raw_sql(
        "begin;
         select ledger, position, recorded_at, frontier, numbers::text as numbers
         from head where book = 1 for update",
    )
    .fetch_one(connection)
    .await?;
    Head::of(&row)
}

/// Ends the transaction without a trace.
pub(super) async fn rollback(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("rollback").execute(connection).await.map(drop)
}

/// Ends the transaction for good.
pub(super) async fn commit(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("commit").execute(connection).await.map(drop)
}

/// A key that was used before.
pub(super) struct UsedKey {
    pub(super) scope: String,
    pub(super) key: String,
    pub(super) fingerprint: Hash,
    pub(super) first_position: i64,
    pub(super) last_position: i64,
}

/// Which of these keys were used before. Asked under the lock, so the answer stays true.
pub(super) async fn used_keys(
    connection: &mut PgConnection,
    keys: &[&IdempotencyKey],
) -> Result<Vec<UsedKey>, StoreError> {
    let scopes: Vec<&str> = keys.iter().map(|key| key.scope.as_str()).collect();
    let names: Vec<&str> = keys.iter().map(|key| key.key.as_str()).collect();
    let rows: Vec<(String, String, Vec<u8>, i64, i64)> = sqlx::query_as(
        "select k.scope, k.key, k.fingerprint, k.first_position, k.last_position
         from unnest($1::text[], $2::text[]) as asked (scope, key)
         join idempotency_keys k using (scope, key)",
    )
    .bind(scopes)
    .bind(names)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|(scope, key, fingerprint, first_position, last_position)| {
            let fingerprint = fingerprint.try_into();
            let fingerprint = fingerprint.map_err(|_| StoreError::Copy("a fingerprint's width"))?;
            Ok(UsedKey { scope, key, fingerprint, first_position, last_position })
        })
        .collect()
}

/// A key that is used now, and the events that it names.
pub(super) struct NewKey<'k> {
    pub(super) key: &'k IdempotencyKey,
    pub(super) first_position: i64,
    pub(super) last_position: i64,
}

/// Everything that one transaction appends.
pub(super) struct Appendix<'a> {
    pub(super) events: &'a [(Stored, Hash)],
    pub(super) keys: &'a [NewKey<'a>],
    pub(super) frontier: &'a Frontier,
    pub(super) numbers: &'a Numbers,
}

/// The rows of a batch with their hashes, and the tree after them.
pub(super) fn hashed<'r>(
    events: impl Iterator<Item = &'r Recorded>,
    head: &Head,
) -> (Vec<(Stored, Hash)>, Frontier) {
    let mut frontier = head.frontier.clone();
    let rows = events
        .map(|event| {
            let stored = event.to_stored();
            let leaf = stored.leaf(head.ledger);
            frontier.push(leaf);
            (stored, leaf)
        })
        .collect();
    (rows, frontier)
}

/// Inserts the events and the keys, and moves the head: one statement.
pub(super) async fn insert(
    connection: &mut PgConnection,
    appendix: &Appendix<'_>,
) -> Result<(), StoreError> {
    let Some((last, _)) = appendix.events.last() else { return Ok(()) };
    let column = Columns { events: appendix.events };
    let numbers = serde_json::to_string(appendix.numbers).unwrap_or_default();
    let sql = if appendix.keys.is_empty() { INSERT } else { INSERT_WITH_KEYS };
    let mut query = sqlx::query(sql)
        .bind(appendix.events.first().map_or(0, |(first, _)| first.position) - 1)
        .bind(last.recorded_at.utc())
        .bind(column.of(|stored| stored.stream.as_str()))
        .bind(column.of(|stored| stored.version))
        .bind(column.of(|stored| stored.type_name.as_str()))
        .bind(column.of(|stored| stored.schema_version))
        .bind(column.of(|stored| stored.effective_at.utc()) as Vec<DateTime<Utc>>)
        .bind(column.of(|stored| stored.posting_on) as Vec<NaiveDate>)
        .bind(column.of(|stored| stored.number.as_deref()))
        .bind(column.of(|stored| stored.origin.as_str()))
        .bind(column.of(|stored| stored.payload.as_str()))
        .bind(appendix.events.iter().map(|(_, leaf)| leaf.as_slice()).collect::<Vec<_>>())
        .bind(appendix.frontier.to_bytes())
        .bind(numbers);
    if !appendix.keys.is_empty() {
        let keys = appendix.keys;
        query = query
            .bind(keys.iter().map(|new| new.key.scope.as_str()).collect::<Vec<_>>())
            .bind(keys.iter().map(|new| new.key.key.as_str()).collect::<Vec<_>>())
            .bind(keys.iter().map(|new| new.key.fingerprint.as_slice()).collect::<Vec<_>>())
            .bind(keys.iter().map(|new| new.first_position).collect::<Vec<_>>())
            .bind(keys.iter().map(|new| new.last_position).collect::<Vec<_>>());
    }
    query.execute(connection).await?;
    Ok(())
}

struct Columns<'a> {
    events: &'a [(Stored, Hash)],
}

impl<'a> Columns<'a> {
    fn of<T>(&self, field: impl Fn(&'a Stored) -> T) -> Vec<T> {
        self.events.iter().map(|(stored, _)| field(stored)).collect()
    }
}

/// One statement: the events, `$more` beside them, and the head behind them.
macro_rules! insert_events {
    ($more:literal) => {
        concat!(
            "with appended as (
    insert into events (position, stream, version, type, schema_version, recorded_at, effective_at,
                        posting_on, number, origin, payload, leaf_hash)
    select $1 + nth, stream, version, type, schema_version, $2, effective_at, posting_on, number,
           origin::json, payload::json, leaf_hash
    from unnest($3::text[], $4::int8[], $5::text[], $6::int2[], $7::timestamptz[], $8::date[],
                $9::text[], $10::text[], $11::text[], $12::bytea[])
         with ordinality as new (stream, version, type, schema_version, effective_at, posting_on,
                                 number, origin, payload, leaf_hash, nth)
    order by nth)",
            $more,
            "
update head set position = $1 + cardinality($3), recorded_at = $2, frontier = $13,
                numbers = $14::json
where book = 1"
        )
    };
}

const INSERT: &str = insert_events!("");

const INSERT_WITH_KEYS: &str = insert_events!(
    ",
named as (
    insert into idempotency_keys (scope, key, fingerprint, first_position, last_position)
    select * from unnest($15::text[], $16::text[], $17::bytea[], $18::int8[], $19::int8[]))"
);

/// Whether the row at a position carries this leaf hash: how a lost commit is found out.
pub(super) async fn carries(
    connection: &mut PgConnection,
    position: i64,
    leaf: &Hash,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from events where position = $1 and leaf_hash = $2)")
        .bind(position)
        .bind(leaf.as_slice())
        .fetch_one(connection)
        .await
}
