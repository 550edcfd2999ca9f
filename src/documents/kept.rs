//! The bytes of documents as they are kept, and how far the worker has come.

use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use daybook_events::event::Printing;
use sha2::{Digest, Sha256};
use sqlx::{PgExecutor, PgPool, Row, postgres::PgRow};

/// The SHA-256 of bytes, lower-case hex.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A document as it is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The id of the invoice or of the credit note.
    pub document: String,
    /// The id of the account whose it is.
    pub account: String,
    /// What the bytes' hash was when they were kept.
    pub sha256: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// The position of the log as of which it is printed.
    pub shows: i64,
    /// How it was printed; `None` where that cannot be read any more.
    pub printing: Option<Printing>,
    /// The position of its record in the log; `None` until that is appended.
    pub recorded: Option<i64>,
}

impl Kept {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let printing: String = row.try_get("printing")?;
        Ok(Self {
            document: row.try_get("document")?,
            account: row.try_get("account_id")?,
            sha256: row.try_get("sha256")?,
            bytes: row.try_get("bytes")?,
            shows: row.try_get("shows")?,
            printing: serde_json::from_str(&printing).ok(),
            recorded: row.try_get("recorded")?,
        })
    }

    /// Whether the bytes are those that were kept.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        hash(&self.bytes) == self.sha256
    }
}

const COLUMNS: &str = "select document, account_id, sha256, bytes, shows, \
                              printing::text as printing, recorded from documents";

/// A document of an account as it is kept.
///
/// # Errors
/// A database that cannot be reached.
pub async fn find(
    pool: &PgPool,
    document: &str,
    account: &str,
) -> Result<Option<Kept>, sqlx::Error> {
    let sql = format!("{COLUMNS} where document = $1 and account_id = $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(document)
        .bind(account)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(Kept::of).transpose()
}

/// Keeps a document, where none is kept of its account, or what was found `spoilt` is kept still;
/// tells whether it did. Whoever was first decides: ask what is kept then.
///
/// Somebody else may have mended it meanwhile: what is replaced is that very row, by the hash it
/// claims and the hash its bytes have. And what is recorded in the log is replaced only by who knows
/// its record and keeps those bytes (`is_recorded`).
///
/// # Errors
/// A database that cannot be reached.
pub async fn keep(
    pool: &PgPool,
    kept: &Kept,
    spoilt: Option<&Kept>,
    is_recorded: bool,
) -> Result<bool, sqlx::Error> {
    let printing = serde_json::to_string(&kept.printing).unwrap_or_default();
    let done = sqlx::query(
        "insert into documents as known (document, account_id, sha256, bytes, shows, printing)
         values ($1, $2, $3, $4, $5, $6::json)
         on conflict (document) do update
         set account_id = excluded.account_id, sha256 = excluded.sha256, bytes = excluded.bytes,
             shows = excluded.shows, printing = excluded.printing
         where (known.account_id <> excluded.account_id
                or known.sha256 = $7 and encode(sha256(known.bytes), 'hex') = $8)
           and (known.recorded is null or $9)",
    )
    .bind(&kept.document)
    .bind(&kept.account)
    .bind(&kept.sha256)
    .bind(&kept.bytes)
    .bind(kept.shows)
    .bind(printing)
    .bind(spoilt.map(|spoilt| spoilt.sha256.as_str()))
    .bind(spoilt.map(|spoilt| hash(&spoilt.bytes)))
    .bind(is_recorded)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Notes that a document of this hash is recorded in the log.
///
/// # Errors
/// A database that cannot be reached.
pub async fn note_recorded(
    pool: &PgPool,
    document: &str,
    sha256: &str,
    position: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("update documents set recorded = $3 where document = $1 and sha256 = $2")
        .bind(document)
        .bind(sha256)
        .bind(position)
        .execute(pool)
        .await
        .map(drop)
}

/// Forgets a document's bytes, where they are those that were found still: they are printed again
/// when somebody asks.
///
/// # Errors
/// A database that cannot be reached.
pub async fn forget(pool: &PgPool, found: &Kept) -> Result<(), sqlx::Error> {
    let sql = "delete from documents
               where document = $1 and sha256 = $2 and encode(sha256(bytes), 'hex') = $3";
    sqlx::query(sql)
        .bind(&found.document)
        .bind(&found.sha256)
        .bind(hash(&found.bytes))
        .execute(pool)
        .await
        .map(drop)
}

/// How the newest document was printed; `None` where none was yet.
///
/// # Errors
/// A database that cannot be reached.
pub async fn newest_printing(pool: &PgPool) -> Result<Option<Printing>, sqlx::Error> {
    let sql = "select printing::text from documents order by created_at desc, document limit 1";
    let printing: Option<String> = sqlx::query_scalar(sql).fetch_optional(pool).await?;
    Ok(printing.and_then(|text| serde_json::from_str(&text).ok()))
}

/// The documents that were printed and not recorded yet, at most so many.
///
/// # Errors
/// A database that cannot be reached.
pub async fn unrecorded(pool: &PgPool, limit: i64) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select document from documents where recorded is null
           and not exists (select from document_failures failed
                           where failed.document = documents.document and failed.next_at > now())
         order by document limit $1",
    )
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// A page of what is kept, in order, after a document.
///
/// # Errors
/// A database that cannot be reached.
pub async fn page(pool: &PgPool, after: &str, limit: i64) -> Result<Vec<Kept>, sqlx::Error> {
    let sql = format!("{COLUMNS} where document > $1 order by document limit $2");
    let rows =
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).bind(limit).fetch_all(pool).await?;
    rows.iter().map(Kept::of).collect()
}

/// Keeps a logo, by its hash.
///
/// # Errors
/// A database that cannot be reached.
pub async fn keep_logo(pool: &PgPool, sha256: &str, bytes: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query("insert into document_logos (sha256, bytes) values ($1, $2) on conflict do nothing")
        .bind(sha256)
        .bind(bytes)
        .execute(pool)
        .await
        .map(drop)
}

/// A logo by its hash.
///
/// # Errors
/// A database that cannot be reached.
pub async fn logo(pool: &PgPool, sha256: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("select bytes from document_logos where sha256 = $1")
        .bind(sha256)
        .fetch_optional(pool)
        .await
}

/// How far the log has been followed.
///
/// # Errors
/// A database that cannot be reached.
pub async fn followed(executor: impl PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select position from document_follower where book = 1")
        .fetch_one(executor)
        .await
}

/// Notes how far the log has been followed; never back.
///
/// # Errors
/// A database that cannot be reached.
pub async fn note_followed(pool: &PgPool, position: i64) -> Result<(), sqlx::Error> {
    sqlx::query("update document_follower set position = $1 where book = 1 and position < $1")
        .bind(position)
        .execute(pool)
        .await
        .map(drop)
}

/// A document that could not be printed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which document.
    pub document: String,
    /// Why, in words.
    pub problem: String,
    /// How often it was tried.
    pub tries: i32,
}

/// Notes that a document could not be printed, and when it is tried again: later each time.
///
/// # Errors
/// A database that cannot be reached.
pub async fn note_failure(
    pool: &PgPool,
    (document, account): (&str, &str),
    problem: &str,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into document_failures as known (document, account_id, problem, tries, next_at)
         values ($1, $2, $3, 1, $4 + interval '1 minute')
         on conflict (document) do update
         set problem = excluded.problem, tries = known.tries + 1,
             next_at = $4 + least(interval '1 day',
                                  interval '1 minute' * (2 ^ least(known.tries, 20)))",
    )
    .bind(document)
    .bind(account)
    .bind(problem)
    .bind(now)
    .execute(pool)
    .await
    .map(drop)
}

/// Notes that a document could be printed after all.
///
/// # Errors
/// A database that cannot be reached.
pub async fn clear_failure(pool: &PgPool, document: &str) -> Result<(), sqlx::Error> {
    sqlx::query("delete from document_failures where document = $1")
        .bind(document)
        .execute(pool)
        .await
        .map(drop)
}

/// The documents that are to be tried again at an instant, at most so many.
///
/// # Errors
/// A database that cannot be reached.
pub async fn to_try_again(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select document from document_failures where next_at <= $1 order by next_at limit $2",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// Why some documents could not be printed.
///
/// # Errors
/// A database that cannot be reached.
pub async fn failures(pool: &PgPool, documents: &[String]) -> Result<Vec<Failure>, sqlx::Error> {
    let rows = sqlx::query(
        "select document, problem, tries from document_failures where document = any($1)",
    )
    .bind(documents)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Failure {
                document: row.try_get("document")?,
                problem: row.try_get("problem")?,
                tries: row.try_get("tries")?,
            })
        })
        .collect()
}
