//! The scheduler: records what time brings about, and works off what answers at once and goes on
//! in the background.
//!
//! The rules decide what is due and record it once, whoever asks and how often; so several
//! processes may run a scheduler on one database, a crash loses nothing, and after a week of
//! downtime everything is caught up in the order in which it fell due. One process at a time leads,
//! by an advisory lock: that is politeness, not correctness.

mod clock;
mod due;
mod reapply;

use std::{sync::Arc, time::Duration};

use daybook_events::store::SubmitError;
use daybook_projections::EngineError;
use sqlx::{Connection, PgConnection, PgPool};
use thiserror::Error;

pub use self::{
    clock::{Advanced, advance},
    due::{Settled, settle_due},
    reapply::{Reapplication, ask as ask_reapplication, find as find_reapplication},
};
use crate::app::App;

/// How long the one who leads rests between two looks.
const REST: Duration = Duration::from_secs(1);
/// How long one waits who does not lead, or whose database is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// The advisory lock of the one who leads.
const LEADER: i64 = 7_221_003;

/// Why the scheduler could not go on.
#[derive(Debug, Error)]
pub enum SchedulerError {
    /// A command failed for a reason that is not the rules'.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// A projection could not be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The projections do not move on.
    #[error("the projections have not come to position {0}: see `daybook verify`")]
    Behind(i64),
}

/// Records what fell due while nobody ran, before anything else is asked.
pub async fn catch_up(app: &Arc<App>) {
    if let Err(error) = settle_now(app).await {
        tracing::warn!(%error, "what is due could not be settled before serving");
    }
}

/// Runs until it is stopped: every second, as long as this process leads, whatever is due and
/// whatever waits. A process that does not lead asks now and then whether it may.
pub async fn run(app: Arc<App>) {
    let mut leadership = None;
    loop {
        let rest = match turn(&app, &mut leadership).await {
            Ok(()) if leadership.is_some() => REST,
            Ok(()) => PATIENCE,
            // A database that is away comes back; what was due is still due then.
            Err(error) => {
                tracing::warn!(%error, "the scheduler tries again");
                leadership = None;
                PATIENCE
            }
        };
        tokio::time::sleep(rest).await;
    }
}

/// Takes the lead where nobody has it, and works where this process has it still.
async fn turn(app: &Arc<App>, leadership: &mut Option<PgConnection>) -> Result<(), SchedulerError> {
    if keep_lead(LEADER, app.pool(), leadership).await? { work(app).await } else { Ok(()) }
}

/// One turn of a process that then gives the lead up again.
///
/// # Errors
/// A database that cannot be reached.
pub async fn round(app: &Arc<App>) -> Result<(), SchedulerError> {
    let mut leadership = None;
    let worked = turn(app, &mut leadership).await;
    if let Some(connection) = leadership {
        // Closing the connection gives the lock up, whatever has happened on it.
        let _ = connection.close().await;
    }
    worked
}

async fn work(app: &Arc<App>) -> Result<(), SchedulerError> {
    settle_now(app).await?;
    reapply::work(app).await
}

async fn settle_now(app: &Arc<App>) -> Result<(), SchedulerError> {
    let now = app.ledger.now().await?;
    let settled = settle_due(app, now, &mut |_| {}).await?;
    if settled.accounts > 0 {
        let Settled { accounts, parked, .. } = settled;
        tracing::info!(accounts, parked, "settled what was due");
    }
    Ok(())
}

/// A connection that holds the lock of the one who leads; `None` where another process does.
///
/// # Errors
/// A database that cannot be reached.
pub async fn lead(pool: &PgPool) -> Result<Option<PgConnection>, sqlx::Error> {
    lead_by(LEADER, pool).await
}

/// Whether this process leads: the lead it has is held where its connection lives, and where it has
/// none it takes the one that nobody has.
///
/// # Errors
/// A database that cannot be reached: whoever led must give the lead up.
pub(crate) async fn keep_lead(
    lock: i64,
    pool: &PgPool,
    leadership: &mut Option<PgConnection>,
) -> Result<bool, sqlx::Error> {
    match leadership {
        Some(connection) => connection.ping().await?,
        None => *leadership = lead_by(lock, pool).await?,
    }
    Ok(leadership.is_some())
}

/// As [`lead`], by the lock of another kind of work.
pub(crate) async fn lead_by(lock: i64, pool: &PgPool) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    let leads: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(lock)
        .fetch_one(&mut connection)
        .await?;
    if leads {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}
