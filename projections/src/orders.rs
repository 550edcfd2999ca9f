//! What did somebody ask to pay, and how far has it come? Asked by the billing page, by the
//! checkout, by a processor's webhook (which knows its own id only), and by support.
//!
//! One row per order. An order that was cancelled and paid nevertheless is `paid` and keeps
//! `cancelled_at`: its money became credit.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    commands::MANUAL,
    event::{
        AccountEvent as A, HeldPlan, InvoiceEvent, OrderCancelReason, OrderEvent as O, OrderPlaced,
        OrderPurpose, PaymentCaptured, PaymentEvent, SubscriptionEvent as S,
    },
    ids::{AccountId, InvoiceId, OrderId, PaymentId, SubscriptionId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Nobody can pay it yet.
    Pending,
    /// A processor waits for the payment.
    AwaitingPayment,
    /// Paid, or fulfilled with nothing to pay.
    Paid,
    /// Not wanted any more.
    Cancelled,
    /// Not paid in time.
    Expired,
}

/// A checkout at a processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtProcessor {
    /// Which processor.
    pub processor: String,
    /// That processor's id of the order.
    pub processor_order_id: String,
}

/// An order as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// The order's id.
    pub order_id: OrderId,
    /// Its number, decimal digits.
    pub number: String,
    /// What it brings about once it is paid.
    pub purpose: OrderPurpose,
    /// The plan that it pays for.
    pub plan: HeldPlan,
    /// How much it asks.
    pub amount: Money,
    /// How far it has come.
    pub status: OrderStatus,
    /// The instant at which it was placed.
    pub placed_at: Timestamp,
    /// The instant at which it expires unpaid; `null` where it waits as long as its invoice does.
    pub expires_at: Option<Timestamp>,
    /// The processor that was asked; `null` before checkout.
    pub processor: Option<String>,
    /// That processor's id of the order; `null` before checkout.
    pub processor_order_id: Option<String>,
    /// The checkout that a processor was asked for, also where the order was paid by hand instead;
    /// `null` where none was: money may come of it to the end.
    pub at_processor: Option<AtProcessor>,
    /// The instant since which the processor waits; `null` before checkout.
    pub checkout_started_at: Option<Timestamp>,
    /// Where its page sends a customer who has paid; `null` where nobody said.
    pub success_url: Option<String>,
    /// Where its page sends a customer who gives up; `null` where nobody said.
    pub cancel_url: Option<String>,
    /// The instant at which it was paid or, with nothing to pay, fulfilled; `null` before.
    pub paid_at: Option<Timestamp>,
    /// The instant at which it was cancelled or expired; `null` where it never was.
    pub cancelled_at: Option<Timestamp>,
    /// Why it was cancelled; `null` where it never was.
    pub cancel_reason: Option<OrderCancelReason>,
    /// The payment that paid it; `null` before, and with nothing to pay.
    pub payment_id: Option<PaymentId>,
    /// The invoice that it is to pay, or that it brought about; `null` while there is none.
    pub invoice_id: Option<InvoiceId>,
    /// The subscription that it brought about; `null` where it brought about none.
    pub subscription_id: Option<SubscriptionId>,
    /// The instant since which somebody says that its money is on its way; `null` where nobody did.
    pub payment_sent_at: Option<Timestamp>,
    /// The id of the transfer or of the processor's payment; `null` while none is known.
    pub transaction: Option<String>,
    /// What was noted when it was placed; `null` where nothing was.
    pub notes: Option<String>,
}

impl OrderRow {
    fn placed(placed: &OrderPlaced, account_id: AccountId, recorded: &Recorded) -> Self {
        let invoice_id = match placed.purpose {
            OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan => None,
            OrderPurpose::PayInvoice { invoice_id, .. } => Some(invoice_id),
        };
        Self {
            position: recorded.position,
            account_id,
            order_id: placed.order_id,
            number: recorded.number.clone().unwrap_or_default(),
            purpose: placed.purpose.clone(),
            plan: placed.plan.clone(),
            amount: placed.amount,
            status: OrderStatus::Pending,
            placed_at: recorded.effective_at,
            expires_at: placed.expires_at,
            processor: None,
            processor_order_id: None,
            at_processor: None,
            checkout_started_at: None,
            success_url: None,
            cancel_url: None,
            paid_at: None,
            cancelled_at: None,
            cancel_reason: None,
            payment_id: None,
            invoice_id,
            subscription_id: None,
            payment_sent_at: None,
            transaction: None,
            notes: recorded.origin.reason.clone(),
        }
    }

    fn after(mut self, event: &A, recorded: &Recorded) -> Self {
        let at = recorded.effective_at;
        match event {
            A::Order(event) => self.ordered(event, at),
            // A second payment of an order becomes credit: the row keeps the one that paid it.
            A::Payment(PaymentEvent::PaymentCaptured(_)) if self.payment_id.is_some() => {}
            A::Payment(PaymentEvent::PaymentCaptured(captured)) => {
                self.status = OrderStatus::Paid;
                // Money that a processor took for nothing any more names the order that its
                // subscription began with, which the first payment paid.
                if self.payment_id.is_none() {
                    self.paid_at = Some(at);
                    self.payment_id = Some(captured.payment_id);
                    self.captured(captured);
                }
            }
            A::Subscription(S::TrialStarted(started)) => {
                self.fulfilled(started.subscription_id, at)
            }
            A::Subscription(S::SubscriptionActivated(activated)) => {
                self.fulfilled(activated.subscription_id, at);
            }
            A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => {
                self.invoice_id = Some(issued.invoice_id);
            }
            A::Profile(_)
            | A::Payment(_)
            | A::Subscription(_)
            | A::Invoice(_)
            | A::Credit(_)
            | A::Usage(_) => return self,
        }
        Self { position: recorded.position, ..self }
    }

    fn ordered(&mut self, event: &O, at: Timestamp) {
        match event {
            O::OrderPlaced(_) => {}
            O::OrderCancelled(cancelled) => {
                self.status = OrderStatus::Cancelled;
                self.cancelled_at = Some(at);
                self.cancel_reason = Some(cancelled.reason);
            }
            O::OrderExpired(_) => {
                self.status = OrderStatus::Expired;
                self.cancelled_at = Some(at);
            }
            O::CheckoutStarted(started) => {
                self.status = OrderStatus::AwaitingPayment;
                self.processor = Some(started.processor.clone());
                self.processor_order_id = Some(started.processor_order_id.clone());
                if started.processor != MANUAL {
                    self.at_processor = Some(AtProcessor {
                        processor: started.processor.clone(),
                        processor_order_id: started.processor_order_id.clone(),
                    });
                }
                self.checkout_started_at = Some(at);
                self.success_url = started.success_url.clone();
                self.cancel_url = started.cancel_url.clone();
            }
            O::PaymentSent(sent) => {
                self.payment_sent_at = self.payment_sent_at.or(Some(at));
                self.transaction = sent.transaction.clone().or(self.transaction.take());
            }
        }
    }

    /// A payment by hand is known by its transfer, if by anything; its own id is the reference.
    fn captured(&mut self, captured: &PaymentCaptured) {
        if captured.processor != MANUAL {
            self.transaction = Some(captured.processor_payment_id.clone());
        }
    }

    /// With nothing to pay there is no payment before it.
    fn fulfilled(&mut self, subscription_id: SubscriptionId, at: Timestamp) {
        self.status = OrderStatus::Paid;
        self.paid_at = self.paid_at.or(Some(at));
        self.subscription_id = Some(subscription_id);
    }
}

/// The order whose row an event changes.
fn order_of(event: &A) -> Option<OrderId> {
    match event {
        A::Order(O::OrderPlaced(placed)) => Some(placed.order_id),
        A::Order(O::OrderCancelled(cancelled)) => Some(cancelled.order_id),
        A::Order(O::OrderExpired(expired)) => Some(expired.order_id),
        A::Order(O::CheckoutStarted(started)) => Some(started.order_id),
        A::Order(O::PaymentSent(sent)) => Some(sent.order_id),
        A::Payment(PaymentEvent::PaymentCaptured(captured)) => Some(captured.order_id),
        A::Subscription(S::TrialStarted(started)) => Some(started.order_id),
        A::Subscription(S::SubscriptionActivated(activated)) => Some(activated.order_id),
        A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => issued.order_id,
        A::Profile(_)
        | A::Payment(_)
        | A::Subscription(_)
        | A::Invoice(_)
        | A::Credit(_)
        | A::Usage(_) => None,
    }
}

/// The projection of every order.
#[derive(Debug)]
pub struct Orders;

impl Projection for Orders {
    type Row = OrderRow;

    const NAME: &'static str = "orders";
    const TABLE: &'static str = include_str!("../../migrations/projections/orders.sql");

    fn account(row: &OrderRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) => order_of(event).iter().map(ToString::to_string).collect(),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<OrderRow>,
        recorded: &Recorded,
    ) -> Result<Option<OrderRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        match &recorded.event {
            Event::Account(A::Order(O::OrderPlaced(placed))) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(OrderRow::placed(placed, account_id, recorded)))
            }
            Event::Account(event) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded))),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::*;

    use super::*;
    use crate::testing::{fold_all, fold_one};

    fn newest(events: &[Recorded]) -> OrderRow {
        let rows = fold_all::<Orders>(events).into_values();
        rows.max_by_key(|row| row.number.parse::<u64>().unwrap()).unwrap()
    }

    #[test]
    fn an_order_goes_from_pending_over_checkout_to_paid() {
        let given = given_account().and(place_order());
        let row = fold_one::<Orders>(given.events());
        assert_eq!((row.status, row.number.as_str()), (OrderStatus::Pending, "1"));
        assert_eq!((row.amount, row.account_id), (usd("15"), account_id()));

        let given = given.clone().and(given.start_checkout("order_1"));
        let row = fold_one::<Orders>(given.events());
        assert_eq!(row.status, OrderStatus::AwaitingPayment);
        assert_eq!(row.processor.as_deref(), Some("sandbox"));
        assert_eq!(row.processor_order_id.as_deref(), Some("order_1"));

        let given = given.and(confirm("order_1", "pay_1"));
        let row = fold_one::<Orders>(given.events());
        let account = given.account();
        assert_eq!(row.status, OrderStatus::Paid);
        assert_eq!(row.payment_id, account.payments.iter().next().map(|p| p.captured.payment_id));
        assert_eq!(row.invoice_id, account.invoices.iter().next().map(|invoice| invoice.id));
        assert_eq!(row.subscription_id, account.live().map(|live| live.id));
    }

    #[test]
    fn money_for_what_is_over_leaves_the_order_that_it_began_with_as_it_was() {
        let given = given_run_by_merchant().and(cancel(false));
        let before = fold_one::<Orders>(given.events());
        let after = given.at("2026-06-02T00:00:00Z").and(renewal("r1", "2026-06-01T00:00:00Z"));
        let after = fold_one::<Orders>(after.events());
        assert_eq!(after, OrderRow { position: after.position, ..before });
    }

    #[test]
    fn a_payment_by_hand_is_known_by_its_transfer() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_manual_checkout("manual"));
        let row = fold_one::<Orders>(given.events());
        assert_eq!(row.processor_order_id.as_deref(), Some("manual-1"));
        assert_eq!((row.payment_sent_at, row.transaction), (None, None));

        let given = given.clone().and(given.mark_sent(Some("TX-1")));
        let row = fold_one::<Orders>(given.events());
        assert_eq!(row.status, OrderStatus::AwaitingPayment);
        assert!(row.payment_sent_at.is_some());
        assert_eq!(row.transaction.as_deref(), Some("TX-1"));

        let given = given.clone().and(given.confirm_by_hand(Some("TX-2")));
        let row = fold_one::<Orders>(given.events());
        assert_eq!((row.status, row.transaction.as_deref()), (OrderStatus::Paid, Some("TX-2")));
    }

    #[test]
    fn an_order_that_is_paid_twice_keeps_the_first_payment() {
        let given = given_subscribed("pro");
        let first = fold_one::<Orders>(given.events());
        let row = fold_one::<Orders>(given.and(confirm("order_1", "pay_2")).events());
        assert_eq!((row.payment_id, row.paid_at), (first.payment_id, first.paid_at));
        assert_eq!(row.transaction.as_deref(), Some("pay_1"));
    }

    #[test]
    fn an_order_with_nothing_to_pay_is_paid_by_its_subscription() {
        let row = fold_one::<Orders>(given_subscribed("free").events());
        assert_eq!((row.status, row.payment_id), (OrderStatus::Paid, None));
        assert_eq!(row.paid_at, Some(row.placed_at));
        assert!(row.subscription_id.is_some() && row.invoice_id.is_some());
    }

    #[test]
    fn an_order_for_an_invoice_names_it() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let row = newest(given.events());
        let open = given.account().invoices.iter().find(|invoice| invoice.is_open()).unwrap().id;
        assert_eq!((row.status, row.invoice_id), (OrderStatus::Pending, Some(open)));
    }

    #[test]
    fn a_payment_for_a_cancelled_order_makes_it_paid() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let given = given.clone().and(given.start_checkout("order_2")).and(change_plan("starter"));
        let row = newest(given.events());
        assert_eq!(row.status, OrderStatus::Cancelled);
        assert_eq!(row.cancel_reason, Some(OrderCancelReason::InvoiceDueChanged));

        let row = newest(given.and(confirm("order_2", "pay_2")).events());
        assert_eq!(row.status, OrderStatus::Paid);
        assert_eq!(row.processor.as_deref(), Some("sandbox"));
        assert!(row.cancelled_at.is_some() && row.paid_at.is_some() && row.payment_id.is_some());
    }
}
