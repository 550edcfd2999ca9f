//! Where the snapshots lie that were asked for over HTTP, and the work of taking them: one after
//! another, by one process at a time, with progress, across restarts.
//!
//! What is asked is a row of the table `snapshots`, with its scope; so a process that dies leaves the
//! row, and whoever works next begins the snapshot anew. The files lie in one folder, which servers
//! that share a ledger share: each downloads from it, whoever has taken the snapshot.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use daybook_events::store::StoreError;
use daybook_projections::EngineError;
use schemars::JsonSchema;
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use sqlx::{Connection, FromRow, PgConnection, PgPool, types::Json};

use super::{Bounds, Scope, SnapshotError, folder, key::Key, manifest::Manifest, take};
use crate::{app::App, scheduler::lead_by};

/// The advisory lock of the one who takes snapshots.
const TAKER: i64 = 7_221_007;
/// How long the one who takes them rests where nothing is asked.
const REST: Duration = Duration::from_secs(5);
/// How many may wait or be taken at once: each is a pass over the whole log.
pub const UNFINISHED: i64 = 16;
/// The advisory lock under which they are counted.
const COUNTED: i64 = 7_221_009;
/// How often progress is noted.
const NOTE: Duration = Duration::from_millis(500);

/// Where snapshots lie, by what key they are signed, and for how long they are kept.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The folder in which each has a folder.
    pub dir: PathBuf,
    /// The key that signs.
    pub key_file: PathBuf,
    /// For how many days they are kept.
    pub days: u32,
}

/// How far a snapshot has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SnapshotState")]
pub enum State {
    /// It waits, or is being taken.
    Running,
    /// Its files are there.
    Done,
    /// There are no files, and none will come.
    Failed,
    /// Its files were there for as long as they are kept.
    Expired,
    /// It was taken back: there are no files any more, and none will come.
    Deleted,
}

/// Why a snapshot was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SnapshotFailure")]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// What it was.
    pub message: String,
}

/// A snapshot that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Snapshot")]
pub struct Shown {
    /// Its id.
    pub snapshot_id: String,
    /// What was asked for; `null` where this version of the program cannot read it.
    pub bounds: Option<Bounds>,
    /// The last position of the log that it knows.
    pub position: i64,
    /// The accounting day through which it is reckoned; `null` as `bounds`.
    pub through: Option<chrono::NaiveDate>,
    /// How far it has come.
    pub state: State,
    /// How many events are done.
    pub done: i64,
    /// Of how many.
    pub total: i64,
    /// When it was asked for.
    #[schemars(with = "String")]
    pub asked_at: DateTime<Utc>,
    /// When it was done or failed; `null` before.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<DateTime<Utc>>,
    /// Why there is none; `null` otherwise.
    pub failure: Option<Failure>,
    /// What its files hold; `null` until they are there.
    pub manifest: Option<Manifest>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    // As another version of the program may have written them: one row that cannot be read must not
    // stand in the way of all others.
    scope: Json<Value>,
    done: i64,
    total: i64,
    manifest: Option<Json<Value>>,
    failure_code: Option<String>,
    failure: Option<String>,
    asked_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    deleted_at: Option<DateTime<Utc>>,
    expired_at: Option<DateTime<Utc>>,
}

impl Row {
    fn scope(&self) -> Result<Scope, SnapshotError> {
        Scope::deserialize(&self.scope.0).map_err(SnapshotError::Scope)
    }

    fn state(&self) -> State {
        match (self.finished_at, self.deleted_at, &self.failure_code, self.expired_at) {
            (None, ..) => State::Running,
            (Some(_), Some(_), ..) => State::Deleted,
            (Some(_), None, Some(_), _) => State::Failed,
            (Some(_), None, None, Some(_)) => State::Expired,
            (Some(_), None, None, None) => State::Done,
        }
    }
}

impl From<Row> for Shown {
    fn from(row: Row) -> Self {
        let (scope, state) = (row.scope().ok(), row.state());
        let failure = row.failure_code.zip(row.failure);
        Self {
            snapshot_id: row.id,
            position: row.total,
            through: scope.as_ref().map(|scope| scope.through),
            bounds: scope.map(|scope| scope.bounds),
            state,
            done: row.done,
            total: row.total,
            asked_at: row.asked_at,
            finished_at: row.finished_at,
            failure: failure.map(|(code, message)| Failure { code, message }),
            manifest: row.manifest.and_then(|Json(said)| Manifest::deserialize(said).ok()),
        }
    }
}

macro_rules! select_rows {
    ($rest:literal) => {
        concat!(
            "select id, scope, done, total, manifest, failure_code, failure, asked_at, finished_at,
                    deleted_at, expired_at from snapshots ",
            $rest
        )
    };
}

/// Writes down what is asked, in a transaction of the caller's.
///
/// # Errors
/// As many that are not taken yet as may be; a database that cannot be reached.
pub async fn ask(
    connection: &mut PgConnection,
    id: &str,
    scope: &Scope,
    by: &str,
) -> Result<(), SnapshotError> {
    // One after another, to the end of the transaction: so nobody counts what another is adding.
    let sql = "select pg_advisory_xact_lock($1)";
    sqlx::query(sql).bind(COUNTED).execute(&mut *connection).await?;
    let sql = "select count(*) from snapshots where finished_at is null";
    let waiting: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
    if waiting >= UNFINISHED {
        return Err(SnapshotError::TooMany(waiting));
    }
    let sql = "insert into snapshots (id, scope, asked_by, total) values ($1, $2::json, $3, $4)";
    let query = sqlx::query(sql).bind(id).bind(Json(scope)).bind(by).bind(scope.position);
    query.execute(connection).await?;
    Ok(())
}

/// Takes one back, whatever has become of it: it is not taken any more, and its files go as soon as
/// whoever takes snapshots sees it. `None` where there is none.
///
/// # Errors
/// A database that cannot be reached.
pub async fn delete(pool: &PgPool, id: &str) -> Result<Option<Shown>, sqlx::Error> {
    let sql = "update snapshots set deleted_at = now(), finished_at = coalesce(finished_at, now())
               where id = $1 and deleted_at is null";
    sqlx::query(sql).bind(id).execute(pool).await?;
    find(pool, id).await
}

/// A snapshot by its id.
///
/// # Errors
/// A database that cannot be reached.
pub async fn find(pool: &PgPool, id: &str) -> Result<Option<Shown>, sqlx::Error> {
    let row = sqlx::query_as::<_, Row>(select_rows!("where id = $1")).bind(id);
    Ok(row.fetch_optional(pool).await?.map(Shown::from))
}

/// A page of snapshots, oldest first.
///
/// # Errors
/// A database that cannot be reached.
pub async fn page(pool: &PgPool, after: &str, limit: i64) -> Result<Vec<Shown>, sqlx::Error> {
    let rows = sqlx::query_as::<_, Row>(select_rows!("where id > $1 order by id limit $2"));
    let rows = rows.bind(after).bind(limit).fetch_all(pool).await?;
    Ok(rows.into_iter().map(Shown::from).collect())
}

/// Takes what is asked, until it is stopped.
pub async fn run(app: Arc<App>) {
    loop {
        if let Err(error) = work(&app).await {
            tracing::warn!(%error, "taking snapshots is tried again");
        }
        // Whoever asks knocks; another process's asker is heard at the next look.
        let _ = tokio::time::timeout(REST, app.asked.notified()).await;
    }
}

/// Takes everything that is asked, oldest first, and takes away what is too old; nothing where
/// another process does.
///
/// # Errors
/// A database that cannot be reached.
pub async fn work(app: &Arc<App>) -> Result<(), SnapshotError> {
    let Some(shelf) = &app.shelf else { return Ok(()) };
    let Some(leadership) = lead_by(TAKER, app.pool()).await? else { return Ok(()) };
    let worked = work_off(app, shelf).await;
    // Closing the connection gives the lock up, whatever has happened on it.
    let _ = leadership.close().await;
    worked
}

async fn work_off(app: &Arc<App>, shelf: &Shelf) -> Result<(), SnapshotError> {
    let pool = app.pool();
    loop {
        sweep(pool, shelf).await?;
        let Some(row) = next(pool).await? else { return Ok(()) };
        let taken = match row.scope() {
            Ok(scope) => bring(pool, shelf, &row.id, &scope).await,
            unreadable => unreadable.map(drop),
        };
        match taken {
            Ok(()) => {}
            Err(error) if passes(&error) => return Err(error),
            Err(error) => fail(pool, shelf, &row.id, &error).await?,
        }
    }
}

/// Takes one snapshot and writes down that it is there; what is finished stays as it is, whoever
/// has finished it.
async fn bring(pool: &PgPool, shelf: &Shelf, id: &str, scope: &Scope) -> Result<(), SnapshotError> {
    let taken = one(pool, shelf, id, scope).await;
    // Somebody else had taken over meanwhile, and was faster with the folder; or has taken it back.
    if matches!(taken, Err(SnapshotError::OutNotEmpty(_) | SnapshotError::GivenUp))
        && is_finished(pool, id).await?
    {
        return Ok(());
    }
    let sql = "update snapshots set done = total, manifest = $2::json, finished_at = now()
               where id = $1 and finished_at is null";
    let query = sqlx::query(sql).bind(id).bind(Json(taken?));
    if query.execute(pool).await?.rows_affected() > 0 {
        tracing::info!(snapshot = id, "a snapshot is taken");
    }
    Ok(())
}

/// Writes down that there will be no files, and why; so those who wait behind it come to their turn.
async fn fail(
    pool: &PgPool,
    shelf: &Shelf,
    id: &str,
    error: &SnapshotError,
) -> Result<(), SnapshotError> {
    let reason = reason(error);
    tracing::error!(error = reason, snapshot = id, "a snapshot is not taken");
    let sql = "update snapshots set failure_code = $2, failure = $3, finished_at = now()
               where id = $1 and finished_at is null";
    sqlx::query(sql).bind(id).bind(error.code()).bind(reason).execute(pool).await?;
    // Nobody begins it again, who would remove what an earlier try was killed over.
    folder::sweep(&shelf.dir.join(id));
    Ok(())
}

async fn is_finished(pool: &PgPool, id: &str) -> Result<bool, sqlx::Error> {
    let sql = "select exists (select from snapshots where id = $1 and finished_at is not null)";
    sqlx::query_scalar(sql).bind(id).fetch_one(pool).await
}

/// An error with what has caused it.
pub(crate) fn reason(error: &SnapshotError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        source = cause.source();
    }
    text
}

/// Whether another try may bring what this one did not: the database was away, or somebody else has
/// just given the folder its name. A database that refuses will refuse again.
fn passes(error: &SnapshotError) -> bool {
    let error = match error {
        SnapshotError::OutNotEmpty(_) => return true,
        SnapshotError::Database(error)
        | SnapshotError::Store(StoreError::Database(error))
        | SnapshotError::Engine(EngineError::Database(error)) => error,
        _ours => return false,
    };
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Lost, shut down, or without a free connection.
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["08", "57P", "53300"].iter().any(|away| code.starts_with(away))),
        _refused => false,
    }
}

async fn next(pool: &PgPool) -> Result<Option<Row>, sqlx::Error> {
    let sql = select_rows!("where finished_at is null order by asked_at, id limit 1");
    sqlx::query_as::<_, Row>(sql).fetch_optional(pool).await
}

/// Takes one snapshot, and notes how far it has come; gives it up where nobody waits for it.
async fn one(
    pool: &PgPool,
    shelf: &Shelf,
    id: &str,
    scope: &Scope,
) -> Result<Manifest, SnapshotError> {
    let key = Key::open(&shelf.key_file)?;
    let out = shelf.dir.join(id);
    // A process that died between the folder's name and the row's end has left it.
    remove(&out)?;
    let progress = AtomicI64::new(0);
    // What is asked counts events up to its position, whatever is read beside them.
    let mut tell = |done: i64, all: i64| {
        let share = scope.position.saturating_mul(done) / all.max(1);
        progress.store(share, Ordering::Relaxed);
    };
    let mut taking = std::pin::pin!(take(pool, scope, &key, &out, &mut tell));
    loop {
        tokio::select! {
            taken = &mut taking => return taken,
            () = tokio::time::sleep(NOTE) => {
                let done = progress.load(Ordering::Relaxed);
                if !note(pool, id, done).await {
                    return Err(SnapshotError::GivenUp);
                }
            }
        }
    }
}

/// Notes how far a snapshot has come; whether somebody still waits for it. Notes are for those who
/// watch: without one the work goes on.
async fn note(pool: &PgPool, id: &str, done: i64) -> bool {
    let sql = "update snapshots set done = $2 where id = $1 and finished_at is null";
    match sqlx::query(sql).bind(id).bind(done).execute(pool).await {
        Ok(noted) => noted.rows_affected() > 0,
        Err(error) => {
            tracing::warn!(%error, snapshot = id, "a snapshot's progress is not noted");
            true
        }
    }
}

fn remove(out: &std::path::Path) -> Result<(), SnapshotError> {
    match std::fs::remove_dir_all(out) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(SnapshotError::writing(out, error))
        }
        _gone => Ok(()),
    }
}

/// Takes the files away of what is too old or was taken back, whole or begun. A folder that stays is
/// tried again, and holds nobody up.
async fn sweep(pool: &PgPool, shelf: &Shelf) -> Result<(), SnapshotError> {
    let sql = "select id from snapshots where expired_at is null
               and (deleted_at is not null or finished_at < now() - make_interval(days => $1))";
    let days = i32::try_from(shelf.days).unwrap_or(i32::MAX);
    let old: Vec<String> = sqlx::query_scalar(sql).bind(days).fetch_all(pool).await?;
    for id in old {
        let out = shelf.dir.join(&id);
        folder::sweep(&out);
        if let Err(error) = remove(&out) {
            tracing::warn!(error = reason(&error), snapshot = id, "an old snapshot is still there");
            continue;
        }
        // One that was being written when it was taken back may get its name after this look.
        let sql = "update snapshots set expired_at = now()
                   where id = $1 and (deleted_at is null or deleted_at < now() - interval '1 hour')";
        sqlx::query(sql).bind(&id).execute(pool).await?;
    }
    Ok(())
}
