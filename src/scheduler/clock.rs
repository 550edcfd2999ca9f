//! The test clock: moving a sandbox ledger's clock forward, with everything that falls due on the
//! way.

use std::sync::Arc;

use daybook_events::{
    Rejection, Timestamp,
    commands::AdvanceClock,
    store::{Request, SubmitError},
};
use uuid::Uuid;

use super::{SchedulerError, Settled, due::due, settle_due};
use crate::app::{App, system_origin};

/// What became of an advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advanced {
    /// Where the clock stood.
    pub from: Timestamp,
    /// Where it stands now.
    pub to: Timestamp,
    /// What was settled on the way.
    pub settled: Settled,
}

/// Advances the clock to each instant at which something falls due and settles it there, then to
/// `to`. `progress` hears how far it has come, in seconds, of how many.
///
/// It may be asked again after it was cut off: it goes on from where the clock stands.
///
/// # Errors
/// A clock that cannot be moved, or not there; a database that cannot be reached.
pub async fn advance(
    app: &Arc<App>,
    to: Timestamp,
    progress: &mut (dyn FnMut(i64, i64) + Send),
) -> Result<Advanced, SchedulerError> {
    let from = app.ledger.now().await?;
    // The whole way is checked before the first step.
    app.ledger.preview(request(to)).await?;
    let mut settled = Settled::default();
    while let Some(due) = next_due(app, to).await? {
        match app.ledger.submit(request(due)).await {
            Ok(_) => {}
            // The clock is past it already: something fell due that the past had left.
            Err(SubmitError::Rejected(Rejection::ClockBackwards { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        let step = settle_due(app, due, &mut |_| {}).await?;
        if step.accounts == 0 {
            break;
        }
        settled.plus(step);
        progress(due.seconds() - from.seconds(), to.seconds() - from.seconds());
    }
    app.ledger.submit(request(to)).await?;
    settled.plus(settle_due(app, to, &mut |_| {}).await?);
    Ok(Advanced { from, to, settled })
}

fn request(to: Timestamp) -> Request {
    Request::new(AdvanceClock { to }, system_origin("clock"), Uuid::now_v7())
}

/// The next instant at which something falls due, up to another.
async fn next_due(app: &Arc<App>, to: Timestamp) -> Result<Option<Timestamp>, SchedulerError> {
    Ok(due(app, to, 1).await?.first().and_then(|row| row.due_at))
}
