//! Asking a processor to send money back that is reserved already.

use daybook_events::{
    Money,
    account::{Account, RefundStatus},
    commands::RefundOutcome,
    ids::{AccountId, RefundId},
    store::SubmitError,
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
    refund: RefundId,
) -> Result<Option<RefundOutcome>, NotAsked> {
    let reserved = move |world: &World| reserved(world.account(account)?, refund);
    let Some((name, refunding)) = app.ledger.look(Some(account), reserved).await? else {
        return Ok(None);
    };
    match app.processors.named(&name)?.refund(&refunding).await {
        Ok(RefundAnswer::Settled(outcome)) => Ok(Some(outcome)),
        Ok(RefundAnswer::Pending) => Ok(None),
        Err(Unanswered::Refused { text, .. }) => Ok(Some(RefundOutcome::Failed(text))),
        Err(error @ (Unanswered::Busy | Unanswered::Unreachable | Unanswered::Unknown)) => {
            tracing::warn!(%refund, %error, "a refund is asked again later");
            Ok(None)
        }
    }
}

/// What is to be sent back, and by which processor: the same however often it is asked.
fn reserved(account: &Account, id: RefundId) -> Option<(String, Refunding)> {
    let refund = account.payments.refund(id)?;
    let captured = &account.payments.get(refund.payment_id)?.captured;
    // Ids are in the order of the log.
    let so_far = account.payments.refunds_of(refund.payment_id).filter(|it| it.id <= id);
    let sent = so_far.filter(|it| it.status != RefundStatus::Failed || it.id == id);
    let total_after =
        Money::sum(captured.amount.currency(), sent.map(|it| it.amount)).unwrap_or(refund.amount);
    let refunding = Refunding {
        refund_id: id,
        processor_payment_id: captured.processor_payment_id.clone(),
        amount: refund.amount,
        captured: captured.amount,
        total_after,
    };
    Some((captured.processor.clone(), refunding))
}
