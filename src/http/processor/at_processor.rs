//! What is asked of a processor that runs a subscription: another plan, its end, or that it goes on.
//!
//! The intent is in the ledger before the processor hears of it, and it stays there: where the
//! processor does not answer, the call fails, a retry of it asks again, and whoever reconciles asks
//! until processor and ledger agree. Asking twice is asking once.

use std::sync::Arc;

use daybook_events::{
    Recorded,
    event::{AccountEvent, RunBy, SubscriptionEvent as S},
    ids::{AccountId, SubscriptionId},
    store::Receipt,
};

use crate::{
    app::App,
    http::{error::ApiError, outcome::account_event},
    settlement::running::{self, Intent},
};

/// Asks the processor for everything that a command's events intend; nothing where the ledger runs
/// the subscription itself.
///
/// # Errors
/// A processor that does not answer. The intent stands.
pub async fn push(app: &Arc<App>, account: AccountId, receipt: &Receipt) -> Result<(), ApiError> {
    for (subscription, intent) in receipt.events.iter().filter_map(|event| intent_of(event)) {
        if let Some(run_by) = run_by(app, account, subscription).await? {
            running::ask(app, account, &run_by, &intent).await?;
        }
    }
    Ok(())
}

/// What an event intends, where it is about a subscription that a processor may run.
fn intent_of(recorded: &Recorded) -> Option<(SubscriptionId, Intent)> {
    let AccountEvent::Subscription(event) = account_event(recorded)? else { return None };
    match event {
        S::PlanChangeRequested(it) => {
            Some((it.subscription_id, Intent::ChangePlan(Box::new(it.to.clone()))))
        }
        S::CancellationScheduled(it) => Some((it.subscription_id, Intent::Cancel)),
        // It ends there with its period, and is not billed again.
        S::SubscriptionEnded(it) => Some((it.subscription_id, Intent::Cancel)),
        S::SubscriptionResumed(it) => Some((it.subscription_id, Intent::Resume)),
        S::TrialStarted(_)
        | S::SubscriptionActivated(_)
        | S::PlanChanged(_)
        | S::PlanChangeScheduled(_)
        | S::PlanChangeWithdrawn(_)
        | S::SubscriptionRenewed(_)
        | S::FellPastDue(_)
        | S::SubscriptionSuspended(_)
        | S::SubscriptionRecovered(_)
        | S::LimitsCustomised(_)
        | S::LimitsReapplied(_)
        | S::SubscriptionLinked(_)
        | S::SubscriptionFollowed(_) => None,
    }
}

/// The processor that runs a subscription, live or ended.
async fn run_by(
    app: &Arc<App>,
    account: AccountId,
    subscription: SubscriptionId,
) -> Result<Option<RunBy>, ApiError> {
    let found = app
        .ledger
        .look(Some(account), move |world| {
            let account = world.account(account)?;
            Some(account.links.of(subscription)?.run_by.clone())
        })
        .await?;
    Ok(found)
}
