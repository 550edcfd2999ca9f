//! Reading the log: the head, one stream, several, a range of positions.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgExecutor, Row, postgres::PgRow};
use uuid::Uuid;

use super::StoreError;
use crate::{
    envelope::{Recorded, Stored, StreamId},
    merkle::Frontier,
    numbers::Numbers,
    time::Timestamp,
};

/// The columns of the log, in the order in which every reader takes them.
pub(super) const COLUMNS: &str = "position, stream, version, type, schema_version, recorded_at, \
     effective_at, posting_on, number, origin, payload, leaf_hash";

/// A query for whole events, by its `where` and `order by`.
macro_rules! select_events {
    ($which:literal) => {
        concat!(
            "select position, stream, version, type, schema_version, recorded_at, effective_at,
                    posting_on, number, origin::text as origin, payload::text as payload
             from events ",
            $which
        )
    };
}

/// The head row.
#[derive(Debug, Clone)]
pub struct Head {
    /// The ledger's id.
    pub ledger: Uuid,
    /// The last position.
    pub position: i64,
    /// When it was recorded; `None` in an empty log.
    pub recorded_at: Option<Timestamp>,
    /// The right edge of the tree.
    pub frontier: Frontier,
    /// How far numbers have been given out.
    pub numbers: Numbers,
}

impl Head {
    pub(super) fn of(row: &PgRow) -> Result<Self, StoreError> {
        let position: i64 = row.try_get("position")?;
        let size = u64::try_from(position).map_err(|_| StoreError::DamagedHead("its position"))?;
        // Not borrowed: the lock's simple query sends text, which has to be decoded.
        let frontier: Vec<u8> = row.try_get("frontier")?;
        let frontier = Frontier::from_bytes(size, &frontier);
        let recorded_at: Option<DateTime<Utc>> = row.try_get("recorded_at")?;
        let numbers: String = row.try_get("numbers")?;
        Ok(Self {
            ledger: row.try_get("ledger")?,
            position,
            recorded_at: recorded_at.map(Timestamp::new),
            frontier: frontier.ok_or(StoreError::DamagedHead("its frontier"))?,
            numbers: serde_json::from_str(&numbers)
                .map_err(|_| StoreError::DamagedHead("its numbers"))?,
        })
    }
}

/// The head, without locking it.
///
/// # Errors
/// A database that cannot be reached, or a damaged head.
pub async fn head(executor: impl PgExecutor<'_>) -> Result<Head, StoreError> {
    let row = sqlx::query(
        "select ledger, position, recorded_at, frontier, numbers::text as numbers
         from head where book = 1",
    )
    .fetch_one(executor)
    .await?;
    Head::of(&row)
}

/// The ledger's id, part of every hashed line.
///
/// # Errors
/// A database that cannot be reached.
pub async fn ledger_id(executor: impl PgExecutor<'_>) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar("select ledger from head where book = 1").fetch_one(executor).await
}

/// One stream, oldest first.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read.
pub async fn stream(
    executor: impl PgExecutor<'_>,
    stream: StreamId,
) -> Result<Vec<Recorded>, StoreError> {
    streams(executor, &[stream.to_string()]).await
}

/// Several streams by their text forms, each oldest first.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read.
pub async fn streams(
    executor: impl PgExecutor<'_>,
    streams: &[String],
) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(select_events!("where stream = any($1) order by stream, version"))
        .bind(streams)
        .fetch_all(executor)
        .await?;
    recorded(&rows)
}

/// The streams that the rules always need: the book, access and every plan, in log order.
pub(super) async fn shared_streams(
    executor: impl PgExecutor<'_>,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(select_events!(
        "where stream in ('access', 'book') or (stream >= 'plan:' and stream < 'plan;') or (stream >= 'coupon:' and stream < 'coupon;')
         order by position"
    ))
    .fetch_all(executor)
    .await?;
    recorded(&rows)
}

/// What the access stream and the book have beyond these versions, each in its order: one look at
/// an index for each, and most often nothing. At most `limit` of each; a full answer is asked on.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read.
pub async fn beyond(
    executor: impl PgExecutor<'_>,
    access: i64,
    book: i64,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    // The bound and the order leave the planner no other way than the index, however long the
    // streams become.
    let rows = sqlx::query(concat!(
        "(",
        select_events!("where stream = 'access' and version > $1 order by version limit $3"),
        ") union all (",
        select_events!("where stream = 'book' and version > $2 order by version limit $3"),
        ")"
    ))
    .bind(access)
    .bind(book)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    recorded(&rows)
}

/// The events after a position up to another, oldest first, at most `limit`.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be read.
pub async fn range(
    executor: impl PgExecutor<'_>,
    after: i64,
    until: i64,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = sqlx::query(select_events!(
        "where position > $1 and position <= $2 order by position limit $3"
    ))
    .bind(after)
    .bind(until)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    recorded(&rows)
}

fn recorded(rows: &[PgRow]) -> Result<Vec<Recorded>, StoreError> {
    rows.iter()
        .map(|row| {
            let stored = stored(row)?;
            let position = stored.position;
            stored.decode().map_err(|source| StoreError::Undecodable { position, source })
        })
        .collect()
}

pub(super) fn stored(row: &PgRow) -> Result<Stored, sqlx::Error> {
    let recorded_at: DateTime<Utc> = row.try_get("recorded_at")?;
    let effective_at: DateTime<Utc> = row.try_get("effective_at")?;
    let posting_on: NaiveDate = row.try_get("posting_on")?;
    Ok(Stored {
        position: row.try_get("position")?,
        stream: row.try_get("stream")?,
        version: row.try_get("version")?,
        type_name: row.try_get("type")?,
        schema_version: row.try_get("schema_version")?,
        recorded_at: Timestamp::new(recorded_at),
        effective_at: Timestamp::new(effective_at),
        posting_on,
        number: row.try_get("number")?,
        origin: row.try_get("origin")?,
        payload: row.try_get("payload")?,
    })
}
