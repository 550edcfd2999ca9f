//! Record what the processor said to a refund, whoever brings the news and however often.

use super::reasons::{check_processor_id, told};
use crate::{
    account::{Account, Refund, RefundOrigin, RefundStatus},
    draft::Draft,
    envelope::StreamId,
    event::{RefundFailed, RefundProcessed},
    ids::{AccountId, RefundId},
    rejection::Rejection,
};

/// What the processor said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// It sent the money back, under its own id of the refund.
    Processed(String),
    /// It did not, for a reason: cut to 300 characters, without control characters.
    Failed(String),
}

/// Record what the processor said to a refund.
#[derive(Debug, Clone)]
pub struct RecordRefund {
    /// Which account.
    pub account_id: AccountId,
    /// Which refund.
    pub refund_id: RefundId,
    /// What it said.
    pub outcome: RefundOutcome,
}

impl RecordRefund {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let refund_id = self.refund_id;
        let refund = account.payments.refund(refund_id);
        let refund = refund.ok_or(Rejection::RefundUnknown { refund: refund_id })?;
        let stream = StreamId::Account(account.id);
        match (refund.status, &self.outcome) {
            (RefundStatus::Processed, _) | (RefundStatus::Failed, RefundOutcome::Failed(_)) => {
                Err(Rejection::RefundAlreadySettled { refund: refund_id })
            }
            // A failed refund may succeed when it is tried again.
            (_, RefundOutcome::Processed(processor_refund_id)) => {
                check_unreported(&account, refund, processor_refund_id)?;
                let (payment_id, amount) = (refund.payment_id, refund.amount);
                let processor_refund_id = processor_refund_id.clone();
                let processed =
                    RefundProcessed { refund_id, payment_id, processor_refund_id, amount };
                draft.record(stream, processed)
            }
            (RefundStatus::Requested, RefundOutcome::Failed(reason)) => {
                let reason = told(reason);
                draft.record(stream, RefundFailed { refund_id, reason })
            }
        }
    }
}

/// Refuses the processor's id of a refund that it has reported as one of its own: the money went
/// back once.
fn check_unreported(account: &Account, refund: &Refund, theirs: &str) -> Result<(), Rejection> {
    check_processor_id(theirs)?;
    let reported = |other: &&std::sync::Arc<Refund>| {
        other.origin == RefundOrigin::Processor
            && other.processor_refund_id.as_deref() == Some(theirs)
    };
    match account.payments.refunds_of(refund.payment_id).find(reported) {
        Some(_) => Err(Rejection::RefundKnown { refund: theirs.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::Id, testing::*};

    #[test]
    fn a_refund_is_settled_once_and_a_failed_one_may_still_succeed() {
        let given = given_subscribed("pro").and(refund(None));
        let refund_id = given.last_refund();
        let record = |outcome| RecordRefund { account_id: account_id(), refund_id, outcome };
        let processed = record(RefundOutcome::Processed("rfnd_1".into()));
        let failed = record(RefundOutcome::Failed("card expired".into()));
        given.clone().when(processed.clone()).recorded(&["refund.processed"]);
        given.clone().when(failed.clone()).recorded(&["refund.failed"]);
        let after_failure = given.clone().and(failed.clone());
        after_failure.clone().when(processed.clone()).recorded(&["refund.processed"]);
        after_failure.when(failed).rejected("refund_already_settled");
        given.and(processed.clone()).when(processed).rejected("refund_already_settled");
    }

    #[test]
    fn an_unknown_refund_has_no_outcome() {
        let command = RecordRefund {
            account_id: account_id(),
            refund_id: RefundId::from_uuid(uuid::Uuid::nil()),
            outcome: RefundOutcome::Failed(String::new()),
        };
        given_account().when(command).rejected("refund_unknown");
    }
}
