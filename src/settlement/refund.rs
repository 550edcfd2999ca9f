//! Asking a processor to send money back that is reserved already.

use std::sync::Arc;

use daybook_events::{
    Money,
    account::{Account, Refund, RefundStatus},
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
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Asks the processor for a refund that waits and tells how it ended; `None` while that is not
/// known, and where it does not wait. Asking again is safe: no refund is sent twice.
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
    let processor = app.processors.named(&name)?;
    // One refund of a payment at a time, in whichever process: some processors can only be looked
    // at, and between the look and the refund no other may come.
    let permit = app.turns.acquire().await;
    let mut turn = app.pool().begin().await?;
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("refund {name} {}", refunding.processor_payment_id))
        .execute(&mut *turn)
        .await?;
    let answered = processor.refund(&refunding).await;
    drop(turn);
    drop(permit);
    match answered {
        Ok(RefundAnswer::Settled(outcome)) => Ok(Some(outcome)),
        Ok(RefundAnswer::Pending) => Ok(None),
        Err(Unanswered::Refused { status, text })
            if (Unanswered::Refused { status, text: String::new() }).is_final() =>
        {
            Ok(Some(RefundOutcome::Failed(text)))
        }
        Err(error) => {
            tracing::warn!(%refund, %error, "a refund is asked again later");
            Ok(None)
        }
    }
}

/// What is to be sent back, and by which processor: the same however often it is asked. Only of a
/// refund that waits for its answer: one that failed may have been sent by hand since, and a
/// processor that is asked again may send it too.
fn reserved(account: &Account, id: RefundId) -> Option<(String, Refunding)> {
    let waits = |it: &&Arc<Refund>| it.status == RefundStatus::Requested;
    let refund = account.payments.refund(id).filter(waits)?;
    let captured = &account.payments.get(refund.payment_id)?.captured;
    // Ids are in the order of the log. What was sent since, by whomever, is sent.
    let counts = |it: &Arc<Refund>| {
        let sent = it.sent.values().copied().collect::<Vec<_>>();
        let asked = Some(it).filter(waits).filter(|it| it.id <= id);
        sent.into_iter().chain(asked.map(|it| it.amount))
    };
    let sums = account.payments.refunds_of(refund.payment_id).flat_map(counts);
    let total_after = Money::sum(captured.amount.currency(), sums).unwrap_or(refund.amount);
    let refunding = Refunding {
        refund_id: id,
        processor_payment_id: captured.processor_payment_id.clone(),
        amount: refund.amount,
        captured: captured.amount,
        total_after,
    };
    Some((captured.processor.clone(), refunding))
}

#[cfg(test)]
mod tests {
    use daybook_events::{commands::RecordRefund, testing::*};

    use super::*;

    /// What the newest refund would be asked for, and what is then sent in all.
    fn asked(given: &Given) -> Option<(Money, Money)> {
        let (name, refunding) = reserved(&given.account(), given.last_refund())?;
        assert_eq!(name, "sandbox");
        Some((refunding.amount, refunding.total_after))
    }

    #[test]
    fn the_question_is_the_same_until_there_is_an_answer_and_then_there_is_none() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        assert_eq!(asked(&given), Some((usd("5"), usd("5"))));
        let (account_id, refund_id) = (account_id(), given.last_refund());
        let record = |outcome| RecordRefund { account_id, refund_id, outcome };
        let sent = given.clone().and(record(RefundOutcome::Processed("rfnd_1".into())));
        assert_eq!(asked(&sent), None);
        // Somebody may send it by hand: nobody else does then.
        let failed = given.and(record(RefundOutcome::Failed("no answer".into())));
        assert_eq!(asked(&failed), None);
        let part = failed.and(refunded_outside("pay_1", "rfnd_2", "3"));
        assert_eq!(asked(&part), None);
    }
}
