//! Record what the processor said to a refund, whoever brings the news and however often.
//!
//! What failed may be tried again, under another id of the processor's. A refund that was sent and
//! then failed came back: it is owed again. An id under which a refund failed has failed for good,
//! whatever is said of it later: of "sent" and "failed", told in either order, failed wins.

use super::reasons::{check_processor_id, told};
use crate::{
    account::{Account, Refund, RefundOrigin, RefundStatus},
    draft::Draft,
    envelope::StreamId,
    event::{RefundFailed, RefundProcessed, Returned},
    ids::{AccountId, RefundId},
    rejection::Rejection,
};

/// What the processor said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// It sent the money back, under its own id of the refund.
    Processed(String),
    /// It made no refund, for a reason: cut to 300 characters, without control characters.
    Failed(String),
    /// The refund that it made did not arrive: it was never sent, or it came back.
    FailedAs {
        /// The processor's id of it.
        processor_refund_id: String,
        /// Why: cut as above.
        reason: String,
    },
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
        let refund = account.payments.refund(self.refund_id);
        let refund = refund.ok_or(Rejection::RefundUnknown { refund: self.refund_id })?;
        let stream = StreamId::Account(account.id);
        match &self.outcome {
            RefundOutcome::Processed(theirs) => {
                draft.record(stream, processed(&account, refund, theirs)?)
            }
            RefundOutcome::Failed(reason) => draft.record(stream, refused(refund, reason)?),
            RefundOutcome::FailedAs { processor_refund_id, reason } => {
                draft.record(stream, failed_as(refund, processor_refund_id, reason)?)
            }
        }
    }
}

/// A failed refund may succeed when it is tried again.
fn processed(
    account: &Account,
    refund: &Refund,
    theirs: &str,
) -> Result<RefundProcessed, Rejection> {
    let known = refund.sent.contains_key(theirs) || refund.failed_as.contains(theirs);
    if refund.status == RefundStatus::Processed || known {
        return Err(Rejection::RefundAlreadySettled { refund: refund.id });
    }
    check_unreported(account, refund, theirs)?;
    Ok(RefundProcessed {
        refund_id: refund.id,
        payment_id: refund.payment_id,
        processor_refund_id: theirs.to_owned(),
        amount: refund.left()?,
    })
}

/// The processor made no refund: news only of one that waits for its answer.
fn refused(refund: &Refund, reason: &str) -> Result<RefundFailed, Rejection> {
    match refund.status {
        RefundStatus::Requested => Ok(RefundFailed {
            refund_id: refund.id,
            reason: told(reason),
            processor_refund_id: None,
            returned: None,
        }),
        RefundStatus::Processed | RefundStatus::Failed => {
            Err(Rejection::RefundAlreadySettled { refund: refund.id })
        }
    }
}

/// The refund that the processor made under an id failed: what it had sent came back.
fn failed_as(refund: &Refund, theirs: &str, reason: &str) -> Result<RefundFailed, Rejection> {
    check_processor_id(theirs)?;
    let sent = refund.sent.get(theirs).copied();
    let sent_otherwise = refund.status == RefundStatus::Processed && sent.is_none();
    // What nobody asked for here is owed to nobody when it comes back.
    let is_theirs = refund.origin == RefundOrigin::Processor;
    if is_theirs || sent_otherwise || refund.failed_as.contains(theirs) {
        return Err(Rejection::RefundAlreadySettled { refund: refund.id });
    }
    Ok(RefundFailed {
        refund_id: refund.id,
        reason: told(reason),
        processor_refund_id: Some(theirs.to_owned()),
        returned: sent.map(|amount| Returned { payment_id: refund.payment_id, amount }),
    })
}

/// Refuses the processor's id of a refund that it has reported as one of its own: the money went
/// back once.
fn check_unreported(account: &Account, refund: &Refund, theirs: &str) -> Result<(), Rejection> {
    check_processor_id(theirs)?;
    let reported = |other: &&std::sync::Arc<Refund>| {
        other.origin == RefundOrigin::Processor && other.sent.contains_key(theirs)
    };
    match account.payments.refunds_of(refund.payment_id).find(reported) {
        Some(_) => Err(Rejection::RefundKnown { refund: theirs.to_owned() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, PaymentEvent},
        ids::Id,
        money::Money,
        testing::*,
    };

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

    fn sent(theirs: &str) -> RefundOutcome {
        RefundOutcome::Processed(theirs.into())
    }

    fn failed(theirs: &str) -> RefundOutcome {
        let (processor_refund_id, reason) = (theirs.into(), "account closed".into());
        RefundOutcome::FailedAs { processor_refund_id, reason }
    }

    /// What of the only payment is reserved, and what was sent.
    fn payment(given: &Given) -> (Money, Money) {
        let account = given.account();
        let payment = account.payments.iter().next().unwrap();
        (payment.refunded, payment.sent_back)
    }

    #[test]
    fn what_was_sent_and_came_back_is_owed_again() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        let refund_id = given.last_refund();
        let record = |outcome| RecordRefund { account_id: account_id(), refund_id, outcome };
        let given = given.and(record(sent("rfnd_1")));
        assert_eq!(payment(&given), (usd("5"), usd("5")));
        let then = given.clone().when(record(failed("rfnd_1")));
        then.recorded(&["refund.failed"]);
        let returned = then.first(|event| match event {
            AccountEvent::Payment(PaymentEvent::RefundFailed(it)) => it.returned,
            _ => None,
        });
        assert_eq!(returned.amount, usd("5"));
        let given = given.and(record(failed("rfnd_1")));
        assert_eq!(payment(&given), (usd("5"), usd("0")));
        assert_eq!(given.account().payments.refund(refund_id).unwrap().left().unwrap(), usd("5"));
        // Neither word of it is news a second time; under another id it goes out again.
        for old in [sent("rfnd_1"), failed("rfnd_1")] {
            given.clone().when(record(old)).rejected("refund_already_settled");
        }
        let given = given.and(record(sent("rfnd_2")));
        assert_eq!(payment(&given), (usd("5"), usd("5")));
        for old in [sent("rfnd_1"), failed("rfnd_1"), sent("rfnd_2")] {
            given.clone().when(record(old)).rejected("refund_already_settled");
        }
        // The second may come back as well.
        assert_eq!(payment(&given.and(record(failed("rfnd_2")))), (usd("5"), usd("0")));
    }

    #[test]
    fn sent_and_failed_under_one_id_is_failed_in_either_order() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        let refund_id = given.last_refund();
        let record = |outcome| RecordRefund { account_id: account_id(), refund_id, outcome };
        let given = given.and(record(failed("rfnd_1")));
        given.clone().when(record(sent("rfnd_1"))).rejected("refund_already_settled");
        assert_eq!(payment(&given), (usd("5"), usd("0")));
        // That there was none at all may be told before that one failed.
        let none = RefundOutcome::Failed("no answer".into());
        let given = given_subscribed("pro").and(refund(Some("5"))).and(record(none.clone()));
        let given = given.and(record(failed("rfnd_1")));
        given.clone().when(record(sent("rfnd_1"))).rejected("refund_already_settled");
        given.when(record(none)).rejected("refund_already_settled");
        let nameless = given_subscribed("pro").and(refund(Some("5")));
        nameless.when(record(failed(""))).rejected("processor_id_invalid");
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
