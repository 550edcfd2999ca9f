//! What came in, and what of it went back? Asked by the billing page, by finance (who settle with
//! the processors by it), and by whoever traces a processor's payment.
//!
//! One row per captured payment. A failed refund stays reserved: its amount is owed to the
//! customer, so `refund_reserved` never goes down.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{AccountEvent as A, InvoiceEvent, PaymentCaptured, PaymentEvent as P},
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
    /// What the processor has sent back.
    pub refunded: Money,
    /// What refunds have reserved: requested, sent back and failed ones together.
    pub refund_reserved: Money,
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
            refunded: nothing,
            refund_reserved: nothing,
            status: PaymentStatus::Captured,
            captured_at: recorded.effective_at,
            invoice_id: None,
        }
    }

    fn after(mut self, event: &A, recorded: &Recorded) -> Result<Self, MoneyError> {
        match event {
            A::Invoice(InvoiceEvent::InvoicePaid(paid)) => self.invoice_id = Some(paid.invoice_id),
            A::Payment(P::PaymentCaptured(_) | P::RefundFailed(_)) => return Ok(self),
            A::Payment(P::RefundRequested(requested)) => {
                self.refund_reserved = self.refund_reserved.plus(requested.amount)?;
            }
            A::Payment(P::RefundProcessed(processed)) => {
                self.refunded = self.refunded.plus(processed.amount)?;
                self.status = if self.refunded == self.amount {
                    PaymentStatus::Refunded
                } else {
                    PaymentStatus::PartiallyRefunded
                };
            }
            A::Profile(_)
            | A::Order(_)
            | A::Subscription(_)
            | A::Invoice(_)
            | A::Credit(_)
            | A::Usage(_) => return Ok(self),
        }
        Ok(Self { position: recorded.position, ..self })
    }
}

/// The payment whose row an event changes. A failed refund changes none: it stays reserved.
fn payment_of(event: &A) -> Option<PaymentId> {
    match event {
        A::Payment(P::PaymentCaptured(captured)) => Some(captured.payment_id),
        A::Payment(P::RefundRequested(requested)) => Some(requested.payment_id),
        A::Payment(P::RefundProcessed(processed)) => Some(processed.payment_id),
        A::Payment(P::RefundFailed(_)) => None,
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
        commands::{RecordRefund, RefundOutcome},
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
}
