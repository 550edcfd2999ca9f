//! What is asked of a processor that runs a subscription: another plan, its end, or that it goes on.
//!
//! The intent is in the ledger before the processor hears of it, and it stays there: where the
//! processor does not answer, whoever reconciles asks until the two agree. Asking twice is asking
//! once.

use daybook_events::{
    Origin, Rejection,
    account::{Account, Link},
    commands::{PlanChangeOutcome, SettlePlanChange},
    event::{HeldPlan, ProcessorStatus, RunBy},
    ids::AccountId,
    store::{Request, SubmitError},
};
use uuid::Uuid;

use super::refund::NotAsked;
use crate::{
    app::App,
    processors::{ProcessorError, Unanswered},
};

/// What a processor is to do with a subscription that it runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Move it to another plan or cycle, now.
    ChangePlan(Box<HeldPlan>),
    /// End it with its period.
    Cancel,
    /// Let it go on after all.
    Resume,
}

/// Asks a processor, and records its answer where the ledger waits for one.
///
/// # Errors
/// A processor that is not set up, does not answer, or refuses.
pub async fn ask(
    app: &App,
    account: AccountId,
    run_by: &RunBy,
    intent: &Intent,
) -> Result<(), NotAsked> {
    let RunBy { processor, processor_subscription_id: id } = run_by;
    let processor = app.processors.named(processor)?;
    let answered = match intent {
        Intent::ChangePlan(to) => processor.change_plan(id, to).await,
        Intent::Cancel => processor.cancel(id).await,
        Intent::Resume => processor.resume(id).await,
    };
    let waits = matches!(intent, Intent::ChangePlan(_));
    let outcome = match &answered {
        Ok(()) => Some(PlanChangeOutcome::Done),
        Err(refused @ Unanswered::Refused { text, .. }) if refused.is_final() => {
            Some(PlanChangeOutcome::Refused(text.clone()))
        }
        Err(_) => None,
    };
    if let Some(outcome) = outcome.filter(|_| waits) {
        settle(app, account, processor.name(), outcome).await?;
    }
    answered.map_err(|error| ProcessorError::from(error).into())
}

async fn settle(
    app: &App,
    account_id: AccountId,
    processor: &str,
    outcome: PlanChangeOutcome,
) -> Result<(), SubmitError> {
    let origin =
        Origin { actor: processor.to_owned(), via: "answer".to_owned(), ..Origin::default() };
    let command = SettlePlanChange { account_id, outcome };
    match app.submit(Request::new(command, origin, Uuid::now_v7())).await {
        // Its own news was faster.
        Ok(_) | Err(SubmitError::Rejected(Rejection::PlanChangeNotPending)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What the ledger intends with a subscription and the processor has not said that it knows, after
/// its last word.
#[must_use]
pub fn intents(account: &Account, link: &Link) -> Vec<Intent> {
    let Some(subscription) = account.subscription.as_deref() else { return Vec::new() };
    if link.subscription_id != Some(subscription.id) {
        return Vec::new();
    }
    let said = link.word.as_deref().map(|word| word.status);
    let ends_there = matches!(said, Some(ProcessorStatus::Cancelled | ProcessorStatus::Expired));
    let ends_here = subscription.cancelling || !subscription.is_live();
    let mut intents = Vec::new();
    match (ends_here, ends_there) {
        (true, false) => intents.push(Intent::Cancel),
        (false, true) if said == Some(ProcessorStatus::Cancelled) => intents.push(Intent::Resume),
        (true | false, _) => {}
    }
    let requested = subscription.requested.clone().filter(|_| subscription.is_live());
    intents.extend(requested.map(|to| Intent::ChangePlan(Box::new(to))));
    intents
}
