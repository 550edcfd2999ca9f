//! What goes back to customers, why, and has it arrived? Asked by the billing page, by support
//! when a processor refused, and by finance.
//!
//! One row per refund. A failed one may still succeed when it is tried again, or be sent in parts at
//! the processor; once the whole is sent, nothing of the failure is left in the row. One that was
//! sent may come back: then it has failed. One that a processor reported, which nobody had asked for
//! here, was sent from the start.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{AccountEvent as A, PaymentEvent as P, RefundReported, RefundRequested, Returned},
    ids::{AccountId, PaymentId, RefundId},
    money::MoneyError,
    refund_policy::Verdict,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Reserved; the processor's answer is not known.
    Requested,
    /// Sent back.
    Processed,
    /// Not sent by the processor, or come back, or sent in part only; the rest is still owed.
    Failed,
}

/// Who began a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// It was asked for here.
    Ledger,
    /// The processor reported it.
    Processor,
}

/// A refund as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose money it is.
    pub account_id: AccountId,
    /// The refund's id; also the processor's idempotency key.
    pub refund_id: RefundId,
    /// The payment that it goes back to.
    pub payment_id: PaymentId,
    /// How much goes back.
    pub amount: Money,
    /// Who began it.
    pub origin: RefundOrigin,
    /// Why, in the words of whoever asked; `null` where nobody asked here.
    pub reason: Option<String>,
    /// What the policy said, and from what; `null` where nobody asked here.
    pub verdict: Option<Verdict>,
    /// What of it could be taken from no invoice and no credit: a loss, until somebody places it.
    pub unplaced: Money,
    /// The processor that is to send it.
    pub processor: String,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// What of it was sent and has not come back.
    pub sent: Money,
    /// The processor's newest id of the refund, whether it arrived under it or not; `null` until it
    /// names one.
    pub processor_refund_id: Option<String>,
    /// How far it has come.
    pub status: RefundStatus,
    /// Why it failed, in the processor's words; `null` where it has not.
    pub failure: Option<String>,
    /// The instant of the request, or of the processor's report.
    pub requested_at: Timestamp,
    /// The instant of the processor's newest answer; `null` until there is one.
    pub settled_at: Option<Timestamp>,
}

impl RefundRow {
    fn requested(requested: &RefundRequested, account_id: AccountId, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            account_id,
            refund_id: requested.refund_id,
            payment_id: requested.payment_id,
            amount: requested.amount,
            origin: RefundOrigin::Ledger,
            reason: Some(requested.reason.clone()),
            verdict: Some(requested.verdict),
            unplaced: Money::zero(requested.amount.currency()),
            processor: requested.processor.clone(),
            processor_payment_id: requested.processor_payment_id.clone(),
            sent: Money::zero(requested.amount.currency()),
            processor_refund_id: None,
            status: RefundStatus::Requested,
            failure: None,
            requested_at: recorded.effective_at,
            settled_at: None,
        }
    }

    fn reported(reported: &RefundReported, account_id: AccountId, recorded: &Recorded) -> Self {
        Self {
            position: recorded.position,
            account_id,
            refund_id: reported.refund_id,
            payment_id: reported.payment_id,
            amount: reported.amount,
            origin: RefundOrigin::Processor,
            reason: None,
            verdict: None,
            unplaced: reported.unplaced,
            processor: reported.processor.clone(),
            processor_payment_id: reported.processor_payment_id.clone(),
            sent: reported.amount,
            processor_refund_id: Some(reported.processor_refund_id.clone()),
            status: RefundStatus::Processed,
            failure: None,
            requested_at: recorded.effective_at,
            settled_at: Some(recorded.effective_at),
        }
    }

    fn after(mut self, event: &P, recorded: &Recorded) -> Result<Self, MoneyError> {
        match event {
            P::RefundProcessed(processed) => {
                self.sent = self.sent.plus(processed.amount)?;
                self.processor_refund_id = Some(processed.processor_refund_id.clone());
                if self.sent == self.amount {
                    (self.status, self.failure) = (RefundStatus::Processed, None);
                }
            }
            P::RefundFailed(failed) => {
                (self.status, self.failure) = (RefundStatus::Failed, Some(failed.reason.clone()));
                if let Some(theirs) = &failed.processor_refund_id {
                    self.processor_refund_id = Some(theirs.clone());
                }
                if let Some(Returned { amount, .. }) = failed.returned {
                    self.sent = self.sent.minus(amount)?;
                }
            }
            P::PaymentCaptured(_)
            | P::PaymentFeeCharged(_)
            | P::PaymentFailed(_)
            | P::RefundRequested(_)
            | P::RefundReported(_)
            | P::DisputeOpened(_)
            | P::DisputeClosed(_) => return Ok(self),
        }
        let (position, settled_at) = (recorded.position, Some(recorded.effective_at));
        Ok(Self { position, settled_at, ..self })
    }
}

/// The refund whose row an event changes.
fn refund_of(event: &P) -> Option<RefundId> {
    match event {
        P::RefundRequested(requested) => Some(requested.refund_id),
        P::RefundProcessed(processed) => Some(processed.refund_id),
        P::RefundFailed(failed) => Some(failed.refund_id),
        P::RefundReported(reported) => Some(reported.refund_id),
        P::PaymentCaptured(_)
        | P::PaymentFeeCharged(_)
        | P::PaymentFailed(_)
        | P::DisputeOpened(_)
        | P::DisputeClosed(_) => None,
    }
}

/// The event, where it is about money that came or went.
fn payment(recorded: &Recorded) -> Option<&P> {
    if let Event::Account(A::Payment(event)) = &recorded.event { Some(event) } else { None }
}

/// The projection of every refund.
#[derive(Debug)]
pub struct Refunds;

impl Projection for Refunds {
    type Row = RefundRow;

    const NAME: &'static str = "refunds";
    const TABLE: &'static str = include_str!("../../migrations/projections/refunds.sql");

    fn account(row: &RefundRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        payment(recorded).and_then(refund_of).iter().map(ToString::to_string).collect()
    }

    fn fold(
        key: &str,
        row: Option<RefundRow>,
        recorded: &Recorded,
    ) -> Result<Option<RefundRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        match payment(recorded) {
            Some(P::RefundRequested(requested)) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(RefundRow::requested(requested, account_id, recorded)))
            }
            Some(P::RefundReported(reported)) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(RefundRow::reported(reported, account_id, recorded)))
            }
            Some(event) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded)?)),
            None => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{RecordRefund, RefundOutcome},
        refund_policy::Eligibility,
        testing::*,
    };

    use super::*;
    use crate::testing::{fold_all, fold_one};

    fn settled(given: Given, outcome: RefundOutcome) -> Given {
        let (account_id, refund_id) = (account_id(), given.last_refund());
        given.and(RecordRefund { account_id, refund_id, outcome })
    }

    #[test]
    fn a_requested_refund_keeps_the_verdict_and_waits() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z").and(refund(None));
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.status, row.amount), (RefundStatus::Requested, usd("7.50")));
        assert_eq!(row.verdict.unwrap().eligibility, Eligibility::Prorated);
        let (reason, processor) = (row.reason.as_deref(), row.processor.as_str());
        assert_eq!((reason, processor), (Some("customer_request"), "sandbox"));
        assert_eq!((row.origin, row.unplaced), (RefundOrigin::Ledger, usd("0")));
        assert_eq!((row.account_id, row.settled_at), (account_id(), None));
    }

    #[test]
    fn a_processed_refund_has_the_processors_id() {
        let given = given_subscribed("pro").and(refund(None));
        let given = settled(given, RefundOutcome::Processed("rfnd_1".into()));
        let row = fold_one::<Refunds>(given.events());
        assert_eq!(row.status, RefundStatus::Processed);
        assert_eq!(row.processor_refund_id.as_deref(), Some("rfnd_1"));
        assert!(row.settled_at.is_some());
    }

    #[test]
    fn a_failed_refund_says_why_until_it_succeeds() {
        let given = given_subscribed("pro").and(refund(None));
        let given = settled(given, RefundOutcome::Failed("card expired".into()));
        let row = fold_one::<Refunds>(given.events());
        let failure = row.failure.as_deref();
        assert_eq!((row.status, failure), (RefundStatus::Failed, Some("card expired")));

        let given = settled(given, RefundOutcome::Processed("rfnd_1".into()));
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.status, row.failure), (RefundStatus::Processed, None));
    }

    #[test]
    fn one_that_came_back_has_failed_and_one_that_is_sent_in_parts_has_until_the_last() {
        let asked = given_subscribed("pro").and(refund(Some("5")));
        let given = settled(asked, RefundOutcome::Processed("rfnd_1".into()));
        let failed = RefundOutcome::FailedAs {
            processor_refund_id: "rfnd_1".into(),
            reason: "account closed".into(),
        };
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.status, row.sent), (RefundStatus::Processed, usd("5")));
        let given = settled(given, failed);
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.status, row.sent), (RefundStatus::Failed, usd("0")));
        assert_eq!(row.failure.as_deref(), Some("account closed"));
        let given = given.and(refunded_outside("pay_1", "rfnd_2", "3"));
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.status, row.sent), (RefundStatus::Failed, usd("3")));
        let row = fold_one::<Refunds>(given.and(refunded_outside("pay_1", "rfnd_3", "2")).events());
        assert_eq!((row.status, row.sent, row.failure), (RefundStatus::Processed, usd("5"), None));
        assert_eq!(row.processor_refund_id.as_deref(), Some("rfnd_3"));
    }

    #[test]
    fn a_refund_out_of_two_payments_has_two_rows() {
        let given = given_subscribed("pro").at("2026-05-04T00:00:00Z");
        let given = given.and(change_plan("enterprise_lite")).and_paid().and(refund(None));
        let rows = fold_all::<Refunds>(given.events());
        let amounts = Money::sum(usd("0").currency(), rows.values().map(|row| row.amount));
        assert_eq!((rows.len(), amounts.unwrap()), (2, given.account().paid_in()));
    }

    #[test]
    fn a_reported_refund_was_sent_from_the_start() {
        let given = given_subscribed("pro").and(credit_invoice(&given_subscribed("pro"), None));
        let given = given.and(change_plan("enterprise_lite"));
        let given = given.and(refunded_outside("pay_1", "rfnd_9", "15"));
        let row = fold_one::<Refunds>(given.events());
        assert_eq!((row.origin, row.status), (RefundOrigin::Processor, RefundStatus::Processed));
        assert_eq!(row.processor_refund_id.as_deref(), Some("rfnd_9"));
        assert_eq!((row.reason, row.verdict), (None, None));
        // The credit of the invoice that was taken back has gone into the upgrade's.
        assert_eq!((row.amount, row.unplaced), (usd("15"), usd("15")));
        assert_eq!(row.settled_at, Some(row.requested_at));
    }
}
