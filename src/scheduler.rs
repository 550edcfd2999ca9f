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

/// How long a scheduler rests between two looks.
const REST: Duration = Duration::from_secs(1);

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
    if let Err(error) = round(app).await {
        tracing::warn!(%error, "what is due could not be settled before serving");
    }
}

/// Runs until the last handle of the ledger is gone: every second, where this process leads,
/// whatever is due and whatever waits.
pub async fn run(app: Arc<App>) {
    loop {
        match round(&app).await {
            Ok(()) => {}
            // A database that is away comes back; what was due is still due then.
            Err(error) => tracing::warn!(%error, "the scheduler tries again"),
        }
        tokio::time::sleep(REST).await;
    }
}

/// One look: settles and works off whatever waits, where this process leads.
///
/// # Errors
/// A database that cannot be reached.
pub async fn round(app: &Arc<App>) -> Result<(), SchedulerError> {
    let Some(leadership) = lead(app.pool()).await? else { return Ok(()) };
    let worked = async {
        let now = app.ledger.now().await?;
        let settled = settle_due(app, now, &mut |_| {}).await?;
        if settled.accounts > 0 {
            tracing::info!(
                accounts = settled.accounts,
                parked = settled.parked,
                "settled what was due"
            );
        }
        reapply::work(app).await
    }
    .await;
    // Closing the connection gives the lock up, whatever has happened on it.
    let _ = leadership.close().await;
    worked
}

/// A connection that holds the lock of the one who leads; `None` where another process does.
///
/// # Errors
/// A database that cannot be reached.
pub async fn lead(pool: &PgPool) -> Result<Option<PgConnection>, sqlx::Error> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    let leads: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(LEADER)
        .fetch_one(&mut connection)
        .await?;
    if leads {
        return Ok(Some(connection));
    }
    connection.close().await?;
    Ok(None)
}
