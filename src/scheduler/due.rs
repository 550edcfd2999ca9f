//! Settling what is due: account by account, in the order in which it fell due.

use std::{collections::HashSet, sync::Arc};

use daybook_events::{
    Rejection, Timestamp,
    commands::SettleDue,
    ids::AccountId,
    period::start_of_day,
    store::{Receipt, Request, SubmitError},
};
use daybook_projections::{
    query::{Between, Reach},
    schedules::{ScheduleRow, Schedules},
};
use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::SchedulerError;
use crate::app::{App, system_origin};

/// How many accounts are read at once.
const PAGE: i64 = 500;
/// How many of them wait in the appender's queue at once.
const ABREAST: usize = 64;

/// What became due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// How often something was recorded on an account.
    pub accounts: u64,
    /// How many events that made.
    pub events: u64,
    /// How many accounts were parked.
    pub parked: u64,
    /// How many accounts could not be settled; the log says why, and the next look tries again.
    pub failed: u64,
}

impl Settled {
    pub(super) fn plus(&mut self, more: Self) {
        self.accounts += more.accounts;
        self.events += more.events;
        self.parked += more.parked;
        self.failed += more.failed;
    }
}

/// Records everything that has fallen due up to an instant. `progress` hears how often something
/// was recorded so far.
///
/// One accounting day is finished before the next begins, so that the numbers of documents follow
/// their dates, however long nobody has looked.
///
/// # Errors
/// A database that cannot be reached. What could not be settled of a single account is counted.
pub async fn settle_due(
    app: &Arc<App>,
    at: Timestamp,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Settled, SchedulerError> {
    let zone = app.ledger.look(None, |world| world.book.time_zone()).await?;
    let mut settled = Settled::default();
    let mut failed = HashSet::new();
    loop {
        let rows = due(app, at, PAGE).await?;
        let Some(first) = rows.iter().find(|row| !failed.contains(&row.account_id)) else {
            return Ok(settled);
        };
        let day = first.due_at.unwrap_or(at).day_in(zone);
        let end_of_day = day.succ_opt().map_or(at, |next| start_of_day(next, zone).plus_micros(-1));
        let until = end_of_day.min(at);
        let of_day = rows
            .iter()
            .filter(|row| row.due_at.is_some_and(|due| due <= until))
            .filter(|row| !failed.contains(&row.account_id));
        let accounts: Vec<AccountId> = of_day.map(|row| row.account_id).collect();
        for (account, outcome) in settle(app, accounts, until).await {
            match outcome {
                Ok(receipt) => count(&mut settled, &receipt),
                // Another process was faster.
                Err(SubmitError::Rejected(Rejection::NothingDue)) => {}
                Err(error) if is_lasting(&error) => {
                    tracing::error!(%account, %error, "an account could not be settled");
                    settled.failed += 1;
                    failed.insert(account);
                }
                Err(error) => return Err(error.into()),
            }
        }
        progress(settled.accounts);
    }
}

/// The accounts on which something is due up to an instant, oldest first, once the projections show
/// everything.
pub(super) async fn due(
    app: &Arc<App>,
    at: Timestamp,
    limit: i64,
) -> Result<Vec<ScheduleRow>, SchedulerError> {
    let position = daybook_projections::log_position(app.pool()).await?;
    if !app.reaches(position).await {
        return Err(SchedulerError::Behind(position));
    }
    let range =
        Between { column: "due_at", from: None, to: Some(at.plus_micros(1).to_string()), limit };
    // A row that waits for nothing has no `due_at`, and so is in no range.
    Ok(app.rows(Reach::Ledger).between::<Schedules>(&range).await?)
}

/// Asks for accounts in their order, several abreast; the appender takes them as they come.
async fn settle(
    app: &Arc<App>,
    accounts: Vec<AccountId>,
    until: Timestamp,
) -> Vec<(AccountId, Result<Receipt, SubmitError>)> {
    let ask = |account_id| async move {
        let command = SettleDue { account_id, until: Some(until) };
        let request = Request::new(command, system_origin("scheduler"), Uuid::now_v7());
        (account_id, app.ledger.submit(request).await)
    };
    stream::iter(accounts).map(ask).buffered(ABREAST).collect().await
}

fn count(settled: &mut Settled, receipt: &Receipt) {
    settled.accounts += 1;
    settled.events += u64::try_from(receipt.events.len()).unwrap_or(0);
    settled.parked += u64::from(receipt.events.iter().any(|recorded| recorded.event.parks()));
}

/// Whether asking again at once would fail again, for this account alone.
fn is_lasting(error: &SubmitError) -> bool {
    match error {
        SubmitError::Rejected(_) | SubmitError::Failed(_) => true,
        SubmitError::KeyReused
        | SubmitError::VersionConflict { .. }
        | SubmitError::Overloaded
        | SubmitError::Unavailable
        | SubmitError::OutcomeUnknown
        | SubmitError::Store(_) => false,
    }
}
