//! The inbox: every message of a processor, stored as it came before anybody reads it.
//!
//! A message is kept once, by the digest of its bytes; what became of it lies beside it and can be
//! decided anew. What came without a signature that holds is kept apart, bounded, and never read.

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool, types::Json};
use warp::http::HeaderMap;

use super::apply::{Outcome, State};
use crate::processors::NotTheirs;

/// How much of a refused message is kept, in bytes.
const HEAD: usize = 4096;
/// How many refused messages are kept at all.
const REFUSED_MOST: i64 = 10_000;
/// How many of a processor's are kept in a minute.
const REFUSED_A_MINUTE: i64 = 60;
/// How many days they are kept.
const REFUSED_DAYS: i32 = 30;
/// How long one who takes a message has for it before another may.
const LEASE_SECONDS: i32 = 300;

/// How many headers are kept.
const HEADERS: usize = 40;

/// Headers that say nothing of a message, or too much.
const NOT_KEPT: [&str; 4] = ["authorization", "cookie", "x-api-key", "proxy-authorization"];

/// A message that waits to be read.
#[derive(Debug, FromRow)]
pub struct Waiting {
    /// Its number.
    pub inbox_id: i64,
    /// Whose it is.
    pub processor: String,
    /// What it says.
    pub body: Vec<u8>,
    /// How often it was read before.
    pub tries: i32,
}

/// A message as somebody looks at it.
#[derive(Debug, FromRow)]
pub struct Kept {
    /// Its number.
    pub inbox_id: i64,
    /// Whose it is.
    pub processor: String,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// The processor's own id of it.
    pub event_id: Option<String>,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Its headers.
    pub headers: Json<Value>,
    /// What it says.
    pub body: Vec<u8>,
    /// What became of it.
    pub state: String,
    /// The processor's name of the event.
    pub event: Option<String>,
    /// Why it waits or is kept aside: a stable code.
    pub code: Option<String>,
    /// The same in a sentence.
    pub detail: Option<String>,
    /// The account that it is about, where that is known.
    pub account_id: Option<String>,
    /// The positions that it brought about.
    pub positions: Vec<i64>,
    /// How often it was read.
    pub tries: i32,
    /// When it is read again.
    pub next_at: Option<DateTime<Utc>>,
}

/// A message that was refused.
#[derive(Debug, FromRow)]
pub struct Refused {
    /// Its number.
    pub refused_id: i64,
    /// Whose it pretended to be.
    pub processor: String,
    /// Why it was refused.
    pub code: String,
    /// SHA-256 of its bytes, in hex.
    pub digest: String,
    /// How long it was.
    pub bytes: i64,
    /// Its headers.
    pub headers: Json<Value>,
    /// Its first 4 KiB.
    pub head: Vec<u8>,
    /// Where it came from.
    pub address: Option<String>,
    /// When.
    pub received_at: DateTime<Utc>,
}

/// Keeps a message; tells its number where it is new.
///
/// # Errors
/// A database that cannot be reached.
pub async fn keep(
    pool: &PgPool,
    processor: &str,
    event_id: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar(
        "with kept as (
             insert into inbox (processor, digest, event_id, headers, body)
             values ($1, $2, $3, $4, $5) on conflict do nothing returning inbox_id)
         insert into inbox_outcomes (inbox_id) select inbox_id from kept returning inbox_id",
    )
    .bind(processor)
    .bind(digest(body))
    .bind(event_id.map(printable))
    .bind(Json(shown(headers)))
    .bind(body)
    .fetch_optional(pool)
    .await
}

/// Keeps what is needed to wonder about a message that is not the processor's.
///
/// # Errors
/// A database that cannot be reached.
pub async fn keep_refused(
    pool: &PgPool,
    processor: &str,
    why: NotTheirs,
    headers: &HeaderMap,
    body: &[u8],
    address: Option<String>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with pruned as (
             delete from inbox_refused where received_at < now() - make_interval(days => $8)
                or refused_id <= (select max(refused_id) - $10 from inbox_refused))
         insert into inbox_refused (processor, code, digest, bytes, headers, head, address)
         select $1, $2, $3, $4, $5, $6, $7
         where (select count(*) from inbox_refused
                where processor = $1 and received_at > now() - interval '1 minute') < $9",
    )
    .bind(processor)
    .bind(why.code())
    .bind(digest(body))
    .bind(i64::try_from(body.len()).unwrap_or(i64::MAX))
    .bind(Json(shown(headers)))
    .bind(&body[..body.len().min(HEAD)])
    .bind(address)
    .bind(REFUSED_DAYS)
    .bind(REFUSED_A_MINUTE)
    .bind(REFUSED_MOST)
    .execute(pool)
    .await?;
    Ok(())
}

/// Takes messages that are to be read, oldest first: others leave them alone for a while.
///
/// # Errors
/// A database that cannot be reached.
pub async fn take(
    pool: &PgPool,
    at: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Waiting>, sqlx::Error> {
    let mut taken: Vec<Waiting> = sqlx::query_as(
        "with due as (
             select inbox_id from inbox_outcomes where next_at <= $1
             order by next_at, inbox_id limit $2 for update skip locked),
         taken as (
             update inbox_outcomes o set tries = o.tries + 1,
                 next_at = $1 + make_interval(secs => $3)
             from due where o.inbox_id = due.inbox_id returning o.inbox_id, o.tries)
         select inbox_id, processor, body, tries from taken join inbox using (inbox_id)",
    )
    .bind(at)
    .bind(limit)
    .bind(f64::from(LEASE_SECONDS))
    .fetch_all(pool)
    .await?;
    taken.sort_unstable_by_key(|message| message.inbox_id);
    Ok(taken)
}

/// Notes what became of a message, and when it is read again where that may help.
///
/// # Errors
/// A database that cannot be reached.
pub async fn note(
    pool: &PgPool,
    inbox_id: i64,
    outcome: &Outcome,
    next_at: Option<DateTime<Utc>>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update inbox_outcomes set state = $2, event = $3, code = $4, detail = $5,
             account_id = coalesce($6, account_id), positions = positions || $7, next_at = $8,
             settled_at = case when $8 is null then now() end
         where inbox_id = $1",
    )
    .bind(inbox_id)
    .bind(outcome.state.name())
    .bind(outcome.event.as_deref().map(printable))
    .bind(outcome.code.as_deref())
    .bind(outcome.detail.as_deref().map(printable))
    .bind(outcome.account.map(|account| account.to_string()))
    .bind(&outcome.positions)
    .bind(next_at)
    .execute(pool)
    .await?;
    Ok(())
}

const KEPT: &str =
    "select inbox_id, processor, digest, event_id, received_at, headers, body, state,
    event, code, detail, account_id, positions, tries, next_at
    from inbox join inbox_outcomes using (inbox_id)";

/// A page of messages, newest first: those before a number, in a state where one is named.
///
/// # Errors
/// A database that cannot be reached.
pub async fn list(
    pool: &PgPool,
    state: Option<State>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    let sql = format!(
        "{KEPT} where ($1::text is null or state = $1) and ($2::bigint is null or inbox_id < $2)
         order by inbox_id desc limit $3"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(state.map(State::name))
        .bind(before)
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// A page of messages, oldest first: those after a number, in a state where one is named.
///
/// # Errors
/// A database that cannot be reached.
pub async fn walk(
    pool: &PgPool,
    state: Option<State>,
    after: i64,
    limit: i64,
) -> Result<Vec<Kept>, sqlx::Error> {
    let sql = format!(
        "{KEPT} where ($1::text is null or state = $1) and inbox_id > $2
         order by inbox_id limit $3"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(state.map(State::name))
        .bind(after)
        .bind(limit)
        .fetch_all(pool)
        .await
}

/// One message.
///
/// # Errors
/// A database that cannot be reached.
pub async fn get(pool: &PgPool, inbox_id: i64) -> Result<Option<Kept>, sqlx::Error> {
    let sql = format!("{KEPT} where inbox_id = $1");
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(inbox_id).fetch_optional(pool).await
}

/// A page of refused messages, newest first.
///
/// # Errors
/// A database that cannot be reached.
pub async fn refused(
    pool: &PgPool,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Refused>, sqlx::Error> {
    sqlx::query_as(
        "select refused_id, processor, code, digest, bytes, headers, head, address, received_at
         from inbox_refused where $1::bigint is null or refused_id < $1
         order by refused_id desc limit $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await
}

fn digest(body: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(body))
}

/// A text of theirs as the database takes it: bounded, without characters of control.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(500).collect()
}

fn shown(headers: &HeaderMap) -> Value {
    let kept = headers.iter().filter(|(name, _)| !NOT_KEPT.contains(&name.as_str())).take(HEADERS);
    let texts = kept.map(|(name, value)| {
        let text = printable(&String::from_utf8_lossy(value.as_bytes()));
        (name.as_str().to_owned(), Value::String(text))
    });
    Value::Object(texts.collect())
}
