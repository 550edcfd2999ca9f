//! What came in, and what of it went back? Asked by the billing page, by finance (who settle with
//! the processors by it), and by whoever traces a processor's payment.
//!
//! One row per captured payment. A failed refund stays reserved: its amount is owed to the
//! customer, so `refund_reserved` never goes down. Fees and disputes stand beside the amount and
//! change nothing of it.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{
        AccountEvent as A, DisputeClosed, DisputeOpened, DisputeOutcome, InvoiceEvent,
        MerchantShare, PaymentCaptured, PaymentEvent as P, Returned,
    },
    ids::{AccountId, InvoiceId, OrderId, PaymentId},
    money::MoneyError,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// How much of a payment went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing.
    Captured,
    /// A part.
    PartiallyRefunded,
    /// The whole.
    Refunded,
}

/// A dispute as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisputeOfPayment {
    /// The processor's id of it.
    pub dispute_id: String,
    /// How much the customer's bank asks for.
    pub amount: Money,
    /// Why, in the processor's words.
    pub reason: String,
    /// How it ended; `null` while it is open.
    pub outcome: Option<DisputeOutcome>,
    /// What of the payment stays taken back.
    pub deducted: Money,
}

/// A payment as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose money it was.
    pub account_id: AccountId,
    /// The payment's id.
    pub payment_id: PaymentId,
    /// The order that it paid.
    pub order_id: OrderId,
    /// That order's number, decimal digits.
    pub order_number: String,
    /// The processor that took it.
    pub processor: String,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// The processor's id of the order.
    pub processor_order_id: String,
    /// How much came in.
    pub amount: Money,
    /// What the customer paid to a merchant of record, and the tax in it that is the merchant's;
    /// `null` where the processor is none.
    pub merchant: Option<MerchantShare>,
    /// What the processor kept for its service, without tax; `null` until it says so.
    pub fee: Option<Money>,
    /// The tax on its service; `null` until it says so.
    pub fee_tax: Option<Money>,
    /// What the processor has sent back and has not come back.
    pub refunded: Money,
    /// What refunds have reserved: requested, sent back and failed ones together.
    pub refund_reserved: Money,
    /// What open disputes ask for.
    pub disputed: Money,
    /// What disputes that are over have taken.
    pub deducted: Money,
    /// Every dispute of it, in the order in which they were heard of.
    pub disputes: Vec<DisputeOfPayment>,
    /// How much of it went back.
    pub status: PaymentStatus,
    /// The instant at which it was captured.
    pub captured_at: Timestamp,
    /// The invoice that it closed; `null` where it became credit.
    pub invoice_id: Option<InvoiceId>,
}

impl PaymentRow {
    fn captured(captured: &PaymentCaptured, account_id: AccountId, recorded: &Recorded) -> Self {
        let nothing = Money::zero(captured.amount.currency());
        Self {
            position: recorded.position,
            account_id,
            payment_id: captured.payment_id,
            order_id: captured.order_id,
            order_number: captured.order_number.clone(),
            processor: captured.processor.clone(),
            processor_payment_id: captured.processor_payment_id.clone(),
            processor_order_id: captured.processor_order_id.clone(),
            amount: captured.amount,
            merchant: captured.merchant,
            fee: None,
            fee_tax: None,
            refunded: nothing,
            refund_reserved: nothing,
            disputed: nothing,
            deducted: nothing,
            disputes: Vec::new(),
            status: PaymentStatus::Captured,
            captured_at: recorded.effective_at,
            invoice_id: None,
        }
    }

    fn after(mut self, event: &A, recorded: &Recorded) -> Result<Self, MoneyError> {
        match event {
            A::Invoice(InvoiceEvent::InvoicePaid(paid)) => self.invoice_id = Some(paid.invoice_id),
            A::Payment(event) => self.moved(event)?,
            A::Profile(_)
            | A::Order(_)
            | A::Subscription(_)
            | A::Invoice(_)
            | A::Credit(_)
            | A::Usage(_) => return Ok(self),
        }
        Ok(Self { position: recorded.position, ..self })
    }

    fn moved(&mut self, event: &P) -> Result<(), MoneyError> {
        match event {
            // These have no row of a payment to change.
            P::PaymentCaptured(_) | P::PaymentFailed(_) => {}
            P::RefundFailed(failed) => {
                if let Some(Returned { amount, .. }) = failed.returned {
                    self.now_refunded(self.refunded.minus(amount)?);
                }
            }
            P::PaymentFeeCharged(charged) => {
                (self.fee, self.fee_tax) = (Some(charged.service), Some(charged.tax));
            }
            P::RefundRequested(requested) => {
                self.refund_reserved = self.refund_reserved.plus(requested.amount)?;
            }
            P::RefundProcessed(processed) => {
                self.now_refunded(self.refunded.plus(processed.amount)?);
            }
            P::RefundReported(reported) => {
                self.refund_reserved = self.refund_reserved.plus(reported.amount)?;
                self.now_refunded(self.refunded.plus(reported.amount)?);
            }
            P::DisputeOpened(opened) => self.dispute_opened(opened)?,
            P::DisputeClosed(closed) => self.dispute_closed(closed)?,
        }
        Ok(())
    }

    fn now_refunded(&mut self, refunded: Money) {
        self.refunded = refunded;
        self.status = if refunded.is_zero() {
            PaymentStatus::Captured
        } else if refunded == self.amount {
            PaymentStatus::Refunded
        } else {
            PaymentStatus::PartiallyRefunded
        };
    }

    fn dispute_opened(&mut self, opened: &DisputeOpened) -> Result<(), MoneyError> {
        self.disputed = self.disputed.plus(opened.amount)?;
        self.disputes.push(DisputeOfPayment {
            dispute_id: opened.dispute_id.clone(),
            amount: opened.amount,
            reason: opened.reason.clone(),
            outcome: None,
            deducted: Money::zero(opened.amount.currency()),
        });
        Ok(())
    }

    fn dispute_closed(&mut self, closed: &DisputeClosed) -> Result<(), MoneyError> {
        let of_id = |dispute: &&mut DisputeOfPayment| dispute.dispute_id == closed.dispute_id;
        if let Some(dispute) = self.disputes.iter_mut().find(of_id) {
            (dispute.outcome, dispute.deducted) = (Some(closed.outcome), closed.deducted);
            self.disputed = self.disputed.minus(dispute.amount)?;
            self.deducted = self.deducted.plus(closed.deducted)?;
        }
        Ok(())
    }
}

/// The payment whose row an event changes. A failed refund stays reserved: it changes the row only
/// where its money had gone and came back. A failed payment has none.
fn payment_of(event: &A) -> Option<PaymentId> {
    match event {
        A::Payment(P::PaymentCaptured(captured)) => Some(captured.payment_id),
        A::Payment(P::RefundRequested(requested)) => Some(requested.payment_id),
        A::Payment(P::RefundProcessed(processed)) => Some(processed.payment_id),
        A::Payment(P::PaymentFeeCharged(charged)) => Some(charged.payment_id),
        A::Payment(P::RefundReported(reported)) => Some(reported.payment_id),
        A::Payment(P::DisputeOpened(opened)) => Some(opened.payment_id),
        A::Payment(P::DisputeClosed(closed)) => Some(closed.payment_id),
        A::Payment(P::RefundFailed(failed)) => failed.returned.map(|it| it.payment_id),
        A::Payment(P::PaymentFailed(_)) => None,
        A::Invoice(InvoiceEvent::InvoicePaid(paid)) => paid.payment_id,
        A::Profile(_)
        | A::Order(_)
        | A::Subscription(_)
        | A::Invoice(_)
        | A::Credit(_)
        | A::Usage(_) => None,
    }
}

/// The projection of every payment.
#[derive(Debug)]
pub struct Payments;

impl Projection for Payments {
    type Row = PaymentRow;

    const NAME: &'static str = "payments";
    const TABLE: &'static str = include_str!("../../migrations/projections/payments.sql");

    fn account(row: &PaymentRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) => payment_of(event).iter().map(ToString::to_string).collect(),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<PaymentRow>,
        recorded: &Recorded,
    ) -> Result<Option<PaymentRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        match &recorded.event {
            Event::Account(A::Payment(P::PaymentCaptured(captured))) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(PaymentRow::captured(captured, account_id, recorded)))
            }
            Event::Account(event) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded)?)),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::{
        commands::{ConfirmPayment, DisputeState, RecordRefund, RefundOutcome},
        testing::*,
    };

    use super::*;
    use crate::testing::{fold_all, fold_one};

    fn settled(given: Given, outcome: RefundOutcome) -> Given {
        let (account_id, refund_id) = (account_id(), given.last_refund());
        given.and(RecordRefund { account_id, refund_id, outcome })
    }

    #[test]
    fn a_captured_payment_names_the_invoice_that_it_closed() {
        let given = given_subscribed("pro");
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.status, row.amount), (PaymentStatus::Captured, usd("15")));
        assert_eq!((row.order_number.as_str(), row.processor.as_str()), ("1", "sandbox"));
        assert_eq!(row.processor_payment_id, "pay_1");
        assert_eq!(row.invoice_id, given.account().invoices.iter().next().map(|i| i.id));
    }

    #[test]
    fn money_that_became_credit_closed_no_invoice() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1")).and(place_order());
        let given = given.clone().and(given.start_checkout("order_2"));
        let given = given.and(confirm("order_1", "pay_1")).and(confirm("order_2", "pay_2"));
        let rows = fold_all::<Payments>(given.events());
        let second = rows.values().find(|row| row.processor_payment_id == "pay_2").unwrap();
        assert_eq!((rows.len(), second.invoice_id), (2, None));
    }

    #[test]
    fn a_refund_is_reserved_first_and_refunded_once_it_was_sent() {
        let given = given_subscribed("pro").and(refund(Some("10")));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("10"), usd("0")));
        assert_eq!(row.status, PaymentStatus::Captured);

        let given = settled(given, RefundOutcome::Processed("rfnd_1".into()));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("10"), usd("10")));
        assert_eq!(row.status, PaymentStatus::PartiallyRefunded);
    }

    #[test]
    fn a_failed_refund_stays_reserved_until_it_succeeds() {
        let given = given_subscribed("pro").and(refund(None));
        let given = settled(given, RefundOutcome::Failed("card expired".into()));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("15"), usd("0")));
        assert_eq!(row.status, PaymentStatus::Captured);

        let given = settled(given, RefundOutcome::Processed("rfnd_1".into()));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("15"), usd("15")));
        assert_eq!(row.status, PaymentStatus::Refunded);
    }

    #[test]
    fn what_came_back_is_not_refunded_and_stays_reserved() {
        let given = given_subscribed("pro").and(refund(Some("10")));
        let given = settled(given, RefundOutcome::Processed("rfnd_1".into()));
        let failed = RefundOutcome::FailedAs {
            processor_refund_id: "rfnd_1".into(),
            reason: "account closed".into(),
        };
        let row = fold_one::<Payments>(settled(given, failed).events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("10"), usd("0")));
        assert_eq!(row.status, PaymentStatus::Captured);
    }

    #[test]
    fn a_fee_and_its_tax_stand_beside_the_amount() {
        let row = fold_one::<Payments>(given_subscribed("pro").events());
        assert_eq!((row.fee, row.fee_tax, row.merchant), (None, None, None));
        let given = given_subscribed("pro").and(fee("pay_1", "0.36", "0.06"));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.fee, row.fee_tax), (Some(usd("0.36")), Some(usd("0.06"))));
        assert_eq!(row.amount, usd("15"));
    }

    #[test]
    fn a_merchants_share_is_shown_and_is_not_ours() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let merchant = Some(MerchantShare { total: usd("18"), tax: usd("3") });
        let given = given.and(ConfirmPayment { merchant, ..confirm("order_1", "pay_1") });
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.amount, row.merchant), (usd("15"), merchant));
    }

    #[test]
    fn a_reported_refund_is_reserved_and_refunded_at_once() {
        let given = given_subscribed("pro").and(refunded_outside("pay_1", "rfnd_1", "5"));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.refund_reserved, row.refunded), (usd("5"), usd("5")));
        assert_eq!(row.status, PaymentStatus::PartiallyRefunded);
    }

    #[test]
    fn a_dispute_is_disputed_until_it_ends_and_deducted_where_it_was_lost() {
        let given = given_subscribed("pro").and(dispute("disp_1", DisputeState::Open));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.disputed, row.deducted), (usd("15"), usd("0")));
        assert_eq!(row.disputes[0].outcome, None);
        let given = given.and(dispute("disp_1", DisputeState::Lost));
        let row = fold_one::<Payments>(given.events());
        assert_eq!((row.disputed, row.deducted), (usd("0"), usd("15")));
        assert_eq!(row.disputes[0].outcome, Some(DisputeOutcome::Lost));
        assert_eq!((row.disputes.len(), row.refunded), (1, usd("0")));
    }
}
