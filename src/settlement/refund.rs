//! Asking a processor to send money back that is reserved already.

use daybook_events::{
    commands::RefundOutcome, event::RefundRequested, ids::AccountId, store::SubmitError,
    world::World,
};
use thiserror::Error;

use crate::{
    app::App,
    processors::{ProcessorError, RefundAnswer, Refunding, Unanswered},
};

/// Why nobody could be asked.
#[derive(Debug, Error)]
pub enum NotAsked {
    /// The processor is not set up.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// The ledger could not be looked at.
    #[error(transparent)]
    Ledger(#[from] SubmitError),
}

/// Asks the processor for a refund and tells how it ended; `None` while that is not known. Asking
/// again is safe: no refund is sent twice.
///
/// # Errors
/// Nobody could be asked.
pub async fn ask(
    app: &App,
    account: AccountId,
    requested: &RefundRequested,
) -> Result<Option<RefundOutcome>, NotAsked> {
    let processor = app.processors.named(&requested.processor)?;
    let refunding = refunding(app, account, requested).await?;
    match processor.refund(&refunding).await {
        Ok(RefundAnswer::Settled(outcome)) => Ok(Some(outcome)),
        Ok(RefundAnswer::Pending) => Ok(None),
        Err(Unanswered::Refused { text, .. }) => Ok(Some(RefundOutcome::Failed(text))),
        Err(error @ (Unanswered::Busy | Unanswered::Unreachable | Unanswered::Unknown)) => {
            tracing::warn!(refund = %requested.refund_id, %error, "a refund is asked again later");
            Ok(None)
        }
    }
}

async fn refunding(
    app: &App,
    account: AccountId,
    requested: &RefundRequested,
) -> Result<Refunding, SubmitError> {
    let payment = requested.payment_id;
    let captured = move |world: &World| {
        let payment = world.account(account)?.payments.get(payment)?;
        Some(payment.captured.amount)
    };
    let captured = app.ledger.look(Some(account), captured).await?;
    let before = captured.and_then(|all| all.minus(requested.refundable_before).ok());
    let total_after = before.and_then(|before| before.plus(requested.amount).ok());
    Ok(Refunding {
        refund_id: requested.refund_id,
        processor_payment_id: requested.processor_payment_id.clone(),
        amount: requested.amount,
        total_after: total_after.unwrap_or(requested.amount),
    })
}
