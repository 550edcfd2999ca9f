//! Record that a processor took the money of an order, and bring about what the order was for.
//!
//! Money that has arrived is always booked: where nothing is due for it any more, it becomes the
//! account's credit. The same payment is never booked twice.

use super::billing;
use crate::{
    account::OrderStatus,
    draft::Draft,
    envelope::StreamId,
    event::{CreditSource, HeldPlan, OrderPurpose, PaymentCaptured, SubscriptionActivated},
    ids::{AccountId, OrderId, PaymentId},
    money::Money,
    period::Anchor,
    rejection::Rejection,
};

/// Record that a processor took the money of an order. The shell has verified the processor's
/// word for it.
#[derive(Debug, Clone)]
pub struct ConfirmPayment {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the order, as stored with the checkout.
    pub processor_order_id: String,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// What the processor says it took; `None` where its word covers the order's amount.
    pub amount: Option<Money>,
}

impl ConfirmPayment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order = account.orders.of_processor(&self.processor_order_id);
        let order = order.ok_or(Rejection::OrderUnknown)?.clone();
        if account.payments.is_booked(&self.processor_payment_id) {
            let payment = self.processor_payment_id.clone();
            return Err(Rejection::PaymentAlreadyConfirmed { payment });
        }
        if order.status == OrderStatus::Paid {
            return Err(Rejection::OrderAlreadyPaid { order: order.id });
        }
        let amount = self.amount.unwrap_or(order.amount);
        if amount != order.amount {
            return Err(Rejection::AmountDiffers { expected: order.amount, given: amount });
        }
        // An order is found by its checkout, which outlives the order.
        let processor = order.checkout.as_ref().map(|checkout| checkout.processor.clone());
        let processor = processor.unwrap_or_default();
        let payment_id = draft.mint();
        let captured = PaymentCaptured {
            payment_id,
            order_id: order.id,
            order_number: order.number.clone(),
            processor,
            processor_payment_id: self.processor_payment_id.clone(),
            processor_order_id: self.processor_order_id.clone(),
            amount,
        };
        draft.record(StreamId::Account(account.id), captured)?;
        let payment = (payment_id, amount);
        let now = draft.now();
        let is_open = order.is_open();
        match order.purpose {
            OrderPurpose::Subscribe if is_open && account.live().is_none() => {
                activate(draft, account.id, order.id, order.plan.clone(), Some(payment))
            }
            OrderPurpose::PayInvoice { invoice_id, .. } if is_open => {
                billing::settle(draft, account.id, invoice_id, Some(payment), now)
            }
            OrderPurpose::Subscribe | OrderPurpose::PayInvoice { .. } => {
                let source = CreditSource::Overpayment { payment_id };
                billing::grant(draft, account.id, amount, source, now)
            }
        }
    }
}

/// Begins a subscription: its first period starts now, its first invoice is issued and settled.
pub(super) fn activate(
    draft: &mut Draft,
    account_id: AccountId,
    order_id: OrderId,
    plan: HeldPlan,
    payment: Option<(PaymentId, Money)>,
) -> Result<(), Rejection> {
    let now = draft.now();
    let zone = draft.account(account_id)?.zone;
    let anchor = Anchor { at: now.whole_second(), zone, cycle: plan.cycle };
    let period = anchor.period(0);
    let subscription_id = draft.mint();
    let line = billing::plan_line(&plan, period, None);
    let activated = SubscriptionActivated { subscription_id, order_id, plan, anchor, period };
    draft.record(StreamId::Account(account_id), activated)?;
    let account = draft.account(account_id)?;
    let subscription = account.live().ok_or(Rejection::NoSubscription)?;
    let order = Some(order_id);
    let invoice = billing::issue(draft, &account, subscription, order, vec![line], now)?;
    billing::settle(draft, account_id, invoice, payment, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_confirmed_payment_activates_issues_and_pays() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let then = given.when(confirm("order_1", "pay_1"));
        then.recorded(&[
            "payment.captured",
            "subscription.activated",
            "invoice.issued",
            "invoice.paid",
        ]);
        assert_eq!(then.events()[2].number.as_deref(), Some("INV-2026-000001"));
        assert_eq!(then.invoice_total(), "15.00 USD");
    }

    #[test]
    fn the_same_payment_is_booked_once() {
        let given = given_subscribed("pro");
        given.clone().when(confirm("order_1", "pay_1")).rejected("payment_already_confirmed");
        given.clone().when(confirm("order_1", "pay_2")).rejected("order_already_paid");
        given.when(confirm("order_9", "pay_9")).rejected("order_unknown");
    }

    #[test]
    fn another_amount_than_the_orders_is_refused() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let less = Some(usd("14.99"));
        let command = ConfirmPayment { amount: less, ..confirm("order_1", "pay_1") };
        given.when(command).rejected("amount_differs");
    }

    #[test]
    fn money_for_a_second_order_becomes_credit() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1")).and(place_order());
        let given = given.clone().and(given.start_checkout("order_2"));
        let given = given.and(confirm("order_1", "pay_1"));
        let then = given.when(confirm("order_2", "pay_2"));
        then.recorded(&["payment.captured", "credit.granted"]);
        assert_eq!(then.account().credit, usd("15"));
    }

    #[test]
    fn money_for_a_cancelled_order_is_booked_with_its_processor() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let given = given.clone().and(given.start_checkout("order_2")).and(change_plan("starter"));
        let then = given.when(confirm("order_2", "pay_2"));
        then.recorded(&["payment.captured", "credit.granted"]);
        let processor = then.first(|event| {
            let crate::event::AccountEvent::PaymentCaptured(captured) = event else { return None };
            Some(captured.processor.clone())
        });
        assert_eq!(processor, "sandbox");
    }

    #[test]
    fn paying_the_rest_of_an_upgrade_closes_its_invoice() {
        let then = given_subscribed("pro").and(change_plan("enterprise_lite")).when_paid();
        then.recorded(&["payment.captured", "invoice.paid"]);
        assert!(then.account().invoices.iter().all(|invoice| !invoice.is_open()));
    }
}
