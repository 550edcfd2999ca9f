//! Events as they are stored, page by page: for those who read the log itself.
//!
//! Nothing is decoded: the texts are those that were hashed.

use sqlx::{PgExecutor, Row, postgres::PgRow};

use super::{StoreError, copy::StoredWithLeaf, read::stored};
use crate::{merkle::Hash, time::Timestamp};

/// Which events are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of one stream only, by its text form.
    pub stream: Option<&'a str>,
    /// Of one type only.
    pub type_name: Option<&'a str>,
    /// Only after this version; within one stream.
    pub after_version: i64,
    /// Only after this position.
    pub after: i64,
    /// Up to and with this position.
    pub until: i64,
    /// At most so many.
    pub limit: i64,
}

/// A query for stored events with their leaves, by its `where` and `order by`.
macro_rules! select_leaves {
    ($which:literal) => {
        concat!(
            "select position, stream, version, type, schema_version, recorded_at, effective_at,
                    posting_on, number, origin::text as origin, payload::text as payload, leaf_hash
             from events where ",
            $which
        )
    };
}

/// The events that are wanted, oldest first. Without a stream every event between `after` and
/// `until` is looked at, so a caller who wants a rare type bounds the two.
///
/// # Errors
/// A database that cannot be reached.
pub async fn leaves(
    executor: impl PgExecutor<'_>,
    wanted: Wanted<'_>,
) -> Result<Vec<StoredWithLeaf>, StoreError> {
    // Two statements, so that each has the index that it needs.
    let sql = match wanted.stream {
        None => select_leaves!(
            "position > $1 and position <= $2 and ($3::text is null or type = $3)
             and $5::text is null and $6::bigint >= 0 order by position limit $4"
        ),
        Some(_) => select_leaves!(
            "position > $1 and position <= $2 and ($3::text is null or type = $3)
             and stream = $5 and version > $6 order by version limit $4"
        ),
    };
    let query = sqlx::query(sql)
        .bind(wanted.after)
        .bind(wanted.until)
        .bind(wanted.type_name)
        .bind(wanted.limit)
        .bind(wanted.stream)
        .bind(wanted.after_version);
    query.fetch_all(executor).await?.iter().map(leaf).collect()
}

/// When an event was recorded.
///
/// # Errors
/// A database that cannot be reached; a position that the log does not have.
pub async fn recorded_at(
    executor: impl PgExecutor<'_>,
    position: i64,
) -> Result<Timestamp, StoreError> {
    let sql = "select recorded_at from events where position = $1";
    let at: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar(sql).bind(position).fetch_one(executor).await?;
    Ok(Timestamp::new(at))
}

fn hash(bytes: Vec<u8>) -> Result<Hash, sqlx::Error> {
    bytes.try_into().map_err(|_| sqlx::Error::Decode("a leaf has 32 bytes".into()))
}

fn leaf(row: &PgRow) -> Result<StoredWithLeaf, StoreError> {
    Ok((stored(row)?, hash(row.try_get("leaf_hash")?)?))
}

/// A stream of the log, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamEnd {
    /// The stream's text form.
    pub stream: String,
    /// The version of its last event: how many it has.
    pub version: i64,
    /// The position of its last event.
    pub position: i64,
}

/// The streams after one, by their text forms, at most `limit`; one only, where one is named.
///
/// # Errors
/// A database that cannot be reached.
pub async fn stream_ends(
    executor: impl PgExecutor<'_>,
    only: Option<&str>,
    after: &str,
    limit: i64,
) -> Result<Vec<StreamEnd>, StoreError> {
    // From stream to stream along the index, so that a long log costs no more than a short one.
    let rows = sqlx::query(
        "with recursive found (stream) as (
             (select min(stream) from events
              where stream > $1 and ($2::text is null or stream = $2))
             union all
             select (select min(next.stream) from events next
                     where next.stream > found.stream and ($2::text is null or next.stream = $2))
             from found where found.stream is not null
         )
         select found.stream, last.version, last.position from found
         cross join lateral (
             select version, position from events
             where events.stream = found.stream order by version desc limit 1
         ) last
         where found.stream is not null limit $3",
    )
    .bind(after)
    .bind(only)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    let end = |row: &PgRow| {
        Ok(StreamEnd {
            stream: row.try_get("stream")?,
            version: row.try_get("version")?,
            position: row.try_get("position")?,
        })
    };
    rows.iter().map(end).collect()
}
