//! Live: projections that follow the log.
//!
//! A follower takes what the appender of its own process hands it, and reads from the log what
//! other processes appended. Rows and checkpoints move in one transaction, under the checkpoints'
//! lock, so several followers never write over each other. An event that cannot be taken in halts
//! the follower and says its position; nothing is skipped.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use daybook_events::{
    Recorded,
    store::{self, Batch, Ledger},
};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::{mpsc, watch};

use crate::{EngineError, tables, view::View};

/// How many events are folded in one transaction at most.
const STEP: usize = 4_000;
/// How many rows a view holds at most before it lets go of them.
const ROWS_HELD: usize = 200_000;
/// How often the log is looked at when nobody says that it moved.
const POLL: Duration = Duration::from_millis(200);

/// Where the followed projections stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Every event up to here is in every row.
    pub position: i64,
    /// Why the follower halted, if it did.
    pub halted: Option<String>,
}

/// Starts following; the returned channel tells how far the rows have come.
///
/// # Errors
/// A database that cannot be reached.
pub async fn follow(
    ledger: &Ledger,
    views: Vec<Box<dyn View>>,
) -> Result<watch::Receiver<Progress>, EngineError> {
    let batches = ledger.follow().await.map_err(|_| EngineError::LedgerStopped)?;
    let (progress, seen) = watch::channel(Progress { position: 0, halted: None });
    let follower =
        Follower { pool: ledger.pool().clone(), views, loaded_at: None, position: 0, progress };
    tokio::spawn(follower.run(batches));
    Ok(seen)
}

/// Waits, bounded, until a follower has let go of the database, which it does when the last handle
/// of its ledger is gone.
pub async fn finished(mut progress: watch::Receiver<Progress>) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let gone = async { while progress.changed().await.is_ok() {} };
    // A follower that hangs does not hold up its process.
    let _ = tokio::time::timeout(PATIENCE, gone).await;
}

/// Catches up with the log once, for those who only want to read.
///
/// # Errors
/// A database that cannot be reached, or an event that cannot be taken in.
pub async fn catch_up(pool: &PgPool, views: Vec<Box<dyn View>>) -> Result<(), EngineError> {
    let (progress, _) = watch::channel(Progress { position: 0, halted: None });
    let pool = pool.clone();
    let mut follower = Follower { pool, views, loaded_at: None, position: 0, progress };
    let mut connection = follower.pool.acquire().await?;
    follower.catch_up(&mut connection).await
}

struct Follower {
    pool: PgPool,
    views: Vec<Box<dyn View>>,
    // The checkpoint at which the held rows are true.
    loaded_at: Option<i64>,
    position: i64,
    progress: watch::Sender<Progress>,
}

impl Follower {
    async fn run(mut self, mut batches: mpsc::Receiver<Batch>) {
        loop {
            match self.follow(&mut batches).await {
                Ok(()) => return,
                // Whoever closed the pool wants nothing more of it.
                Err(EngineError::Database(_)) if self.pool.is_closed() => return,
                Err(EngineError::Database(error)) => {
                    tracing::warn!(%error, "the projections wait for the database");
                    self.forget();
                    // Its crash may have taken the newest rows with it, which did not wait for
                    // the disk: how far they reach is known when they have been looked at.
                    self.announce(0);
                    tokio::time::sleep(POLL).await;
                }
                Err(error) => {
                    let halted = error.to_string();
                    tracing::error!(error = halted, "the projections have halted");
                    self.progress.send_modify(|progress| progress.halted = Some(halted));
                    return;
                }
            }
        }
    }

    /// Follows until the appender is gone.
    async fn follow(&mut self, batches: &mut mpsc::Receiver<Batch>) -> Result<(), EngineError> {
        let mut connection = self.pool.acquire().await?.detach();
        // Rows can be made again, so their commits need not wait for the disk.
        sqlx::raw_sql("set synchronous_commit = off").execute(&mut connection).await?;
        self.catch_up(&mut connection).await?;
        loop {
            match tokio::time::timeout(POLL, batches.recv()).await {
                Err(_) => self.catch_up(&mut connection).await?,
                Ok(None) => {
                    self.catch_up(&mut connection).await?;
                    connection.close().await?;
                    return Ok(());
                }
                Ok(Some(batch)) => {
                    let mut events = batch.to_vec();
                    while events.len() < STEP {
                        let Ok(more) = batches.try_recv() else { break };
                        events.extend(more.iter().cloned());
                    }
                    self.take_in(&mut connection, events).await?;
                }
            }
        }
    }

    /// Folds events that were handed over, after those of other processes before them.
    async fn take_in(
        &mut self,
        connection: &mut PgConnection,
        events: Vec<Arc<Recorded>>,
    ) -> Result<(), EngineError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let in_order = last.position - first.position + 1;
        let contiguous = usize::try_from(in_order) == Ok(events.len());
        if !contiguous || first.position > self.position + 1 {
            return self.catch_up(connection).await;
        }
        self.step(connection, &events).await
    }

    /// Folds everything that the log holds beyond the checkpoints.
    async fn catch_up(&mut self, connection: &mut PgConnection) -> Result<(), EngineError> {
        loop {
            let lowest = tables::checkpoints(connection).await?;
            let lowest = lowest.iter().filter(|checkpoint| self.follows(&checkpoint.projection));
            let lowest = lowest.map(|checkpoint| checkpoint.position).min().unwrap_or(0);
            let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
            let events = store::range(&mut *connection, lowest, i64::MAX, limit).await?;
            if events.is_empty() {
                self.announce(lowest);
                return Ok(());
            }
            let events: Vec<_> = events.into_iter().map(Arc::new).collect();
            self.step(connection, &events).await?;
        }
    }

    fn follows(&self, projection: &str) -> bool {
        self.views.iter().any(|view| view.name() == projection)
    }

    /// One transaction: the rows of these events and the checkpoints behind them.
    async fn step(
        &mut self,
        connection: &mut PgConnection,
        events: &[Arc<Recorded>],
    ) -> Result<(), EngineError> {
        let last = events.last().map_or(self.position, |event| event.position);
        let mut transaction = connection.begin().await?;
        let checkpoints = tables::lock_checkpoints(&mut transaction).await?;
        let unmoved = checkpoints
            .iter()
            .filter(|checkpoint| self.follows(&checkpoint.projection))
            .all(|checkpoint| Some(checkpoint.position) == self.loaded_at);
        if !unmoved || self.views.iter().any(|view| view.held() > ROWS_HELD) {
            self.forget();
        }
        let mut moved = Vec::new();
        for view in &mut self.views {
            let own = checkpoints.iter().find(|checkpoint| checkpoint.projection == view.name());
            let own = own.map_or(0, |checkpoint| checkpoint.position);
            let fresh = || events.iter().filter(move |event| event.position > own);
            if fresh().next().is_some_and(|event| event.position > own + 1) {
                return Err(EngineError::Gap { projection: view.name(), position: own + 1 });
            }
            fold_into(&mut transaction, view.as_mut(), fresh()).await?;
            if own < last {
                moved.push(view.name());
            }
        }
        tables::move_checkpoints(&mut transaction, &moved, last).await?;
        transaction.commit().await?;
        self.loaded_at = Some(last);
        self.announce(last);
        Ok(())
    }

    fn forget(&mut self) {
        self.loaded_at = None;
        for view in &mut self.views {
            view.forget();
        }
    }

    fn announce(&mut self, position: i64) {
        self.position = position;
        self.progress.send_modify(|progress| progress.position = position);
    }
}

/// Folds events into a view's rows and stores those that changed.
pub(crate) async fn fold_into(
    connection: &mut PgConnection,
    view: &mut dyn View,
    events: impl Iterator<Item = &Arc<Recorded>> + Clone,
) -> Result<(), EngineError> {
    let keys: BTreeSet<String> = events.clone().flat_map(|event| view.keys(event)).collect();
    let missing = keys.into_iter().filter(|key| !view.holds(key)).collect();
    tables::load(connection, view, missing).await?;
    for event in events {
        let (projection, position) = (view.name(), event.position);
        view.fold(event).map_err(|source| EngineError::Fold { projection, position, source })?;
    }
    let changes = view.take_changes();
    tables::store(connection, view.name(), changes).await?;
    Ok(())
}
