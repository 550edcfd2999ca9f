//! Taking a snapshot: the whole log proven in its order, then folded account by account.
//!
//! The events of accounts are read twice. The tree is over the log's order, and rows are folded
//! from whole accounts: one pass for both would have to keep every account's state at once, or sort
//! the log once more on the disk, which the index on streams has done already.
//!
//! Reading waits for the database and writing for the disk: a thread of its own writes, a few
//! batches of events behind. Once the future is dropped, that thread gives the folder up.

use std::{path::Path, sync::Arc};

use chrono::NaiveDate;
use daybook_events::{
    Recorded,
    merkle::Frontier,
    store::{self, Head, LogCopy, StoreError, StoredWithLeaf},
};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::{sync::mpsc, task};

use super::{Scope, SnapshotError, key::Key, manifest::Manifest, sheets::Sheets};

/// How many batches of events wait to be written.
const AHEAD: usize = 4;

/// Told how many of the log's events are done, and of how many.
pub type Progress<'p> = &'p mut (dyn FnMut(i64, i64) + Send);

/// Takes a snapshot into a folder that is not there yet, or empty: it is there whole, or not at all.
/// Tells what its manifest says.
///
/// # Errors
/// A folder that holds something or cannot be replaced, before anything is read; a disk that
/// refuses, a log that is not as it was written.
pub async fn take(
    pool: &PgPool,
    scope: &Scope,
    key: &Key,
    out: &Path,
    progress: Progress<'_>,
) -> Result<Manifest, SnapshotError> {
    // Gone with this future: then whatever still writes gives up.
    let wanted = Arc::new(());
    let (out, books, waits) = (out.to_owned(), scope.books(), Arc::downgrade(&wanted));
    let sheets = written(task::spawn_blocking(move || Sheets::begin(&out, books, waits))).await?;
    // Outside of the pool: a COPY that is given up leaves answers behind on its connection.
    let mut connection = pool.acquire().await?.detach();
    let head = store::head(&mut connection).await?;
    let steps = head.position + scope.position;
    progress(0, steps);
    let tree = proven(&mut connection, scope, &head, progress).await?;
    let mut done = |done| progress(head.position + done, steps);
    let sheets = folded(&mut connection, scope, sheets, &mut done).await?;
    connection.close().await?;
    let (scope, root, key) = (scope.clone(), tree.root(), key.clone());
    // The rest is of this machine alone: sorting, writing, and waiting for the disk.
    let finishing = task::spawn_blocking(move || sheets.finish(&scope, root, &key));
    let manifest = written(finishing).await?;
    progress(steps, steps);
    drop(wanted);
    Ok(manifest)
}

/// What a thread that writes has come to.
async fn written<T>(
    writing: task::JoinHandle<Result<T, SnapshotError>>,
) -> Result<T, SnapshotError> {
    writing.await.map_err(|error| SnapshotError::Books(error.to_string()))?
}

/// The tree at the position, once the whole log has been read in its order: there is no gap, every
/// line has its leaf's hash, and the leaves come to the root that the head holds. So nothing that
/// a snapshot is made of was changed since it was written, whichever stream it stands in.
async fn proven(
    connection: &mut PgConnection,
    scope: &Scope,
    head: &Head,
    progress: Progress<'_>,
) -> Result<Frontier, SnapshotError> {
    let (mut tree, mut then) = (Frontier::default(), None);
    let mut copy = LogCopy::start(connection, 0, head.position).await?;
    let mut read = 0;
    while let Some(rows) = copy.next().await? {
        for (stored, leaf) in rows {
            read += 1;
            if stored.position != read || stored.leaf(scope.ledger) != leaf {
                return Err(SnapshotError::Damaged(read));
            }
            tree.push(leaf);
            if stored.position == scope.position {
                then = Some(tree.clone());
            }
        }
        progress(read, head.position + scope.position);
    }
    if read != head.position || tree.root() != head.frontier.root() {
        return Err(SnapshotError::Damaged(head.position));
    }
    then.ok_or(SnapshotError::Damaged(scope.position))
}

/// Reads the events of every account, and has them written.
async fn folded(
    connection: &mut PgConnection,
    scope: &Scope,
    sheets: Sheets,
    progress: &mut (dyn FnMut(i64) + Send),
) -> Result<Sheets, SnapshotError> {
    let (gives, takes) = mpsc::channel(AHEAD);
    let through = scope.through;
    let writing = task::spawn_blocking(move || fold(sheets, through, takes));
    let fed = feed(connection, scope.position, gives, progress).await;
    // The writer's own reason comes first: it may be why nobody takes any more.
    let sheets = written(writing).await?;
    fed.map(|()| sheets)
}

async fn feed(
    connection: &mut PgConnection,
    until: i64,
    gives: mpsc::Sender<Vec<StoredWithLeaf>>,
    progress: &mut (dyn FnMut(i64) + Send),
) -> Result<(), SnapshotError> {
    let mut copy = LogCopy::of_accounts(connection, until).await?;
    let mut done = 0;
    while let Some(rows) = copy.next().await? {
        done += i64::try_from(rows.len()).unwrap_or(0);
        if gives.send(rows).await.is_err() {
            break;
        }
        progress(done);
    }
    Ok(())
}

/// Folds events that come account by account, and writes what each account amounts to.
fn fold(
    mut sheets: Sheets,
    through: NaiveDate,
    mut takes: mpsc::Receiver<Vec<StoredWithLeaf>>,
) -> Result<Sheets, SnapshotError> {
    let mut account = Vec::<Recorded>::new();
    while let Some(rows) = takes.blocking_recv() {
        for (stored, _) in rows {
            let position = stored.position;
            let undecodable = |source| StoreError::Undecodable { position, source };
            let recorded = stored.decode().map_err(undecodable)?;
            if account.last().is_some_and(|last| last.stream != recorded.stream) {
                sheets.account(&account)?;
                account.clear();
            }
            if recorded.posting_on <= through {
                account.push(recorded);
            }
        }
    }
    sheets.account(&account)?;
    Ok(sheets)
}
