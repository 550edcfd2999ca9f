//! Record that a processor took the money of an order, and bring about what the order was for.
//!
//! Money that has arrived is always booked: where nothing is due for it any more, it becomes the
//! account's credit. The same payment is never booked twice.

use super::{beginning::activate, billing, change_plan, redemption::release_coupon};
use crate::{
    account::{Account, Order, OrderStatus, Status},
    draft::Draft,
    envelope::StreamId,
    event::{CreditSource, OrderPurpose, PaymentCaptured},
    ids::{AccountId, InvoiceId, PaymentId},
    money::Money,
    rejection::{Kind, Rejection},
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
            merchant: None,
        };
        draft.record(StreamId::Account(account.id), captured)?;
        fulfil(draft, self.account_id, &order, (payment_id, amount))
    }
}

/// Brings about what a paid order was for. Where that cannot be any more, or is refused, the money
/// becomes credit: it has arrived, so the ledger does not refuse it.
fn fulfil(
    draft: &mut Draft,
    account_id: AccountId,
    order: &Order,
    payment: (PaymentId, Money),
) -> Result<(), Rejection> {
    let mut fulfilled = draft.clone();
    match bring_about(&mut fulfilled, account_id, order, payment) {
        Ok(true) => {
            *draft = fulfilled;
            Ok(())
        }
        // The account is parked first, and the payment then decided anew.
        Err(fault @ Rejection::TooManyInvoiceLines { .. }) => Err(fault),
        Err(fault) if fault.kind() == Kind::Internal => Err(fault),
        Ok(false) | Err(_) => keep_as_credit(draft, account_id, order, payment),
    }
}

/// Does what the order was for, and says whether it still could be done.
fn bring_about(
    draft: &mut Draft,
    account_id: AccountId,
    order: &Order,
    payment: (PaymentId, Money),
) -> Result<bool, Rejection> {
    let account = draft.account(account_id)?;
    let (now, plan) = (draft.now(), order.plan.clone());
    let live = account.live().map(|subscription| subscription.status);
    match &order.purpose {
        OrderPurpose::Subscribe { quote } if order.is_open() && live.is_none() => {
            activate(draft, account_id, order.id, plan, quote, Some(payment))?;
        }
        OrderPurpose::ChangePlan if order.is_open() && live == Some(Status::Active) => {
            change_plan::now(draft, account_id, plan, now, Some(payment))?;
        }
        // Whatever became of the order, the invoice it was meant for takes what it still needs.
        OrderPurpose::PayInvoice { invoice_id, .. } if is_open(&account, *invoice_id) => {
            billing::settle(draft, account_id, *invoice_id, Some(payment), now)?;
        }
        OrderPurpose::Subscribe { .. }
        | OrderPurpose::ChangePlan
        | OrderPurpose::PayInvoice { .. } => return Ok(false),
    }
    Ok(true)
}

fn is_open(account: &Account, invoice: InvoiceId) -> bool {
    account.invoices.get(invoice).is_some_and(|invoice| invoice.is_open())
}

/// Money that its order has no use for becomes credit. The redemption of the order's coupon is free
/// again, since nothing was discounted.
fn keep_as_credit(
    draft: &mut Draft,
    account_id: AccountId,
    order: &Order,
    (payment_id, amount): (PaymentId, Money),
) -> Result<(), Rejection> {
    let (account, now) = (draft.account(account_id)?, draft.now());
    let source = CreditSource::Overpayment { payment_id };
    billing::grant(draft, account_id, amount, source, now)?;
    if order.is_open() {
        release_coupon(draft, &account, order.id)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, PaymentEvent},
        policy::{ChangeTiming, Policy},
        testing::*,
    };

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
            if let AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured)) = event {
                Some(captured.processor.clone())
            } else {
                None
            }
        });
        assert_eq!(processor, "sandbox");
    }

    #[test]
    fn money_for_an_order_that_is_not_fulfilled_frees_its_coupon() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        let given = given.clone().and(given.start_checkout("first")).and(place_order()).and_paid();
        let then = given.when(confirm("first", "pay_first"));
        then.recorded(&["payment.captured", "credit.granted", "coupon.released"]);
        assert_eq!(then.account().credit, usd("13.50"));
    }

    /// A change to `enterprise_lite` that waits for its payment, checked out as `upgrade`.
    fn given_upgrade_checked_out() -> Given {
        let policy = Policy { upgrade: ChangeTiming::OncePaid, ..Policy::default() };
        let given = given_subscribed("pro").and(adopt(policy)).and(change_plan("enterprise_lite"));
        let checkout = given.start_checkout("upgrade");
        given.and(checkout)
    }

    #[test]
    fn money_is_booked_where_what_it_was_for_is_refused() {
        let given = given_upgrade_checked_out();
        let given = given.and(tax_rules("DE", "19", false));
        let then = given.when(confirm("upgrade", "pay_up"));
        then.recorded(&["payment.captured", "credit.granted"]);
        assert_eq!(then.account().live().unwrap().plan.slug, "pro");
    }

    #[test]
    fn money_is_booked_where_it_would_bill_too_much() {
        // The subscription's first line was the last that this day may have.
        let one_a_day = Policy { invoice_lines_per_day: 1, ..Policy::default() };
        let given = given_upgrade_checked_out().and(adopt(one_a_day));
        let then = given.when(confirm("upgrade", "pay_up"));
        then.recorded(&["account.parked", "payment.captured", "credit.granted"]);
    }

    #[test]
    fn money_is_booked_where_what_fell_due_cannot_be_billed() {
        let given = given_subscribed("pro")
            .and(adopt(Policy { dunning: Vec::new(), ..Policy::default() }))
            .at("2026-06-01T00:00:00Z")
            .and(settle_due());
        let checkout = given.start_checkout("june");
        let given = given.and(checkout).and(tax_rules("DE", "19", false));
        let then = given.at("2026-07-02T00:00:00Z").when(confirm("june", "pay_june"));
        then.recorded(&["account.parked", "payment.captured", "invoice.paid"]);
    }

    #[test]
    fn credit_from_money_without_a_use_pays_what_is_open() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("first")).and(place_order()).and_paid();
        let suspended = given.at("2026-06-16T00:00:00Z").and(settle_due());
        let then = suspended.when(confirm("first", "pay_first"));
        then.recorded(&[
            "payment.captured",
            "credit.granted",
            "credit.applied",
            "invoice.paid",
            "order.cancelled",
            "subscription.recovered",
        ]);
    }

    #[test]
    fn paying_the_rest_of_an_upgrade_closes_its_invoice() {
        let then = given_subscribed("pro").and(change_plan("enterprise_lite")).when_paid();
        then.recorded(&["payment.captured", "invoice.paid"]);
        assert!(then.account().invoices.iter().all(|invoice| !invoice.is_open()));
    }
}
