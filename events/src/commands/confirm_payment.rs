//! Record that a processor took the money of an order, and bring about what the order was for.
//!
//! Money that has arrived is always booked: where nothing is due for it any more, it becomes the
//! account's credit, such as a second payment of one order. The same payment is never booked twice.

use super::{
    beginning::activate, billing, change_plan, reasons::check_processor_id,
    redemption::release_coupon,
};
use crate::{
    account::{Account, Order, Status},
    draft::Draft,
    envelope::StreamId,
    event::{CreditSource, MerchantShare, OrderPurpose, PaymentCaptured},
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
    /// What the customer paid, and the tax in it, where the processor is merchant of record.
    pub merchant: Option<MerchantShare>,
}

impl ConfirmPayment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_processor_id(&self.processor_payment_id)?;
        let order = account.orders.of_processor(&self.processor_order_id);
        let order = order.ok_or(Rejection::OrderUnknown)?.clone();
        // First: that what was booked by a browser's word came to another sum is no old news.
        self.check_amount(order.amount)?;
        if account.payments.is_booked(&self.processor_payment_id) {
            let payment = self.processor_payment_id.clone();
            return Err(Rejection::PaymentAlreadyConfirmed { payment });
        }
        let amount = order.amount;
        // An order is found by its checkout, which outlives the order and a newer checkout of it.
        let checkout = account.orders.checkout(&self.processor_order_id);
        let processor = checkout.map(|checkout| checkout.processor.clone()).unwrap_or_default();
        let payment_id = draft.mint();
        let captured = PaymentCaptured {
            payment_id,
            order_id: order.id,
            order_number: order.number.clone(),
            processor,
            processor_payment_id: self.processor_payment_id.clone(),
            processor_order_id: self.processor_order_id.clone(),
            amount,
            merchant: self.merchant,
        };
        draft.record(StreamId::Account(account.id), captured)?;
        fulfil(draft, self.account_id, &order, (payment_id, amount))
    }

    /// Refuses a payment of another amount than the order's. A merchant of record's fits with its
    /// tax or without: some prices hold the tax, and to others the merchant adds it.
    fn check_amount(&self, expected: Money) -> Result<(), Rejection> {
        let Some(MerchantShare { total, tax }) = self.merchant else {
            return fits(expected, self.amount.unwrap_or(expected));
        };
        fits(total, self.amount.unwrap_or(total))?;
        let known = |money: Money| money.currency() == expected.currency() && money.minor() >= 0;
        if !known(total) || !known(tax) {
            return Err(Rejection::AmountDiffers { expected, given: total });
        }
        let without_tax = total.minus(tax)?;
        // A merchant's sums may be one unit off: it rounds converted parts one by one.
        let residue = without_tax.minus(expected)?.minor().abs();
        if total == expected || residue <= 1 { Ok(()) } else { fits(expected, without_tax) }
    }
}

/// Refuses an amount that is not the expected one.
fn fits(expected: Money, given: Money) -> Result<(), Rejection> {
    if given == expected { Ok(()) } else { Err(Rejection::AmountDiffers { expected, given }) }
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
        given.clone().when(confirm("order_1", "")).rejected("processor_id_invalid");
        given.when(confirm("order_9", "pay_9")).rejected("order_unknown");
    }

    #[test]
    fn an_order_paid_twice_leaves_the_second_payment_as_credit() {
        let then = given_subscribed("pro").when(confirm("order_1", "pay_2"));
        then.recorded(&["payment.captured", "credit.granted"]);
        let account = then.account();
        assert_eq!((account.credit, account.paid_in()), (usd("15"), usd("30")));
        assert_eq!(account.invoices.iter().count(), 1);
    }

    #[test]
    fn an_order_paid_by_hand_meanwhile_takes_the_processors_money_as_credit() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let given = given.clone().and(given.confirm_by_hand(None));
        let then = given.when(confirm("order_1", "pay_1"));
        then.recorded(&["payment.captured", "credit.granted"]);
        let account = then.account();
        assert_eq!(account.credit, usd("15"));
        assert_eq!(account.payments.of_processor("pay_1").unwrap().captured.processor, "sandbox");
    }

    /// A payment of the order of 15 by a merchant of record.
    fn by_merchant(total: &str, tax: &str) -> ConfirmPayment {
        let merchant = Some(MerchantShare { total: usd(total), tax: usd(tax) });
        ConfirmPayment { merchant, ..confirm("order_1", "pay_1") }
    }

    #[test]
    fn a_merchants_payment_fits_with_its_tax_or_without() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        // Their own residue of a unit is theirs.
        for (total, tax) in [("18", "3"), ("18.01", "3"), ("17.99", "3"), ("15", "2.50")] {
            let then = given.clone().when(by_merchant(total, tax));
            let account = then.account();
            let captured = &account.payments.iter().next().unwrap().captured;
            assert_eq!(captured.amount, usd("15"), "{total} with {tax}");
            assert_eq!(captured.merchant.map(|share| share.total), Some(usd(total)));
            assert!(account.credit.is_zero() && account.live().is_some());
        }
        for (total, tax) in [("18.02", "3"), ("17.98", "3"), ("16", "0"), ("14", "-1")] {
            given.clone().when(by_merchant(total, tax)).rejected("amount_differs");
        }
        let rupees = Money::parse("15", crate::Currency::INR).unwrap();
        let merchant = Some(MerchantShare { total: rupees, tax: rupees });
        let foreign = ConfirmPayment { merchant, ..confirm("order_1", "pay_1") };
        given.clone().when(foreign).rejected("amount_differs");
        let tax_elsewhere = Some(MerchantShare { total: usd("15"), tax: rupees });
        let foreign = ConfirmPayment { merchant: tax_elsewhere, ..confirm("order_1", "pay_1") };
        given.clone().when(foreign).rejected("amount_differs");
        let contradiction = ConfirmPayment { amount: Some(usd("15")), ..by_merchant("18", "3") };
        given.when(contradiction).rejected("amount_differs");
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
