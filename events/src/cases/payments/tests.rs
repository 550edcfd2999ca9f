//! Payments: cases 12 to 16, in the part that is a rule.

use crate::{
    account::Status,
    commands::{RecordRefund, RefundOutcome},
    testing::*,
};

/// The renewal of 1 June, unpaid and checked out as `order_2`.
fn given_renewal_checked_out() -> Given {
    let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
    let checkout = given.start_checkout("order_2");
    given.and(checkout)
}

/// killbill #1015: the outcome of a payment was not known, somebody paid again, then the first one
/// succeeded too: the invoice was paid twice, and its balance was negative.
#[test]
fn case_12_a_payment_that_turns_up_late_becomes_credit() {
    let given = given_account().and(place_order());
    let given = given.clone().and(given.start_checkout("unknown")).and(place_order()).and_paid();
    let then = given.when(confirm("unknown", "pay_late"));
    then.recorded(&["payment.captured", "credit.granted"]);
    let account = then.account();
    assert_eq!(account.credit, usd("15"));
    assert_eq!(account.invoices.iter().count(), 1);
}

/// The same for an invoice: the checkout of an amount that is not due any more pays what is.
#[test]
fn case_12_a_late_payment_settles_the_invoice_it_was_meant_for() {
    let given = given_renewal_checked_out();
    let given = given.clone().and(credit_invoice(&given, Some("5")));
    let then = given.clone().when(confirm("order_2", "pay_2"));
    then.recorded(&["payment.captured", "credit.granted", "invoice.paid", "order.cancelled"]);
    let account = then.account();
    assert_eq!(account.credit, usd("5"));
    assert!(account.invoices.iter().all(|invoice| !invoice.is_open()));
    assert_eq!(account.orders.open().count(), 0);
}

/// lago-api #5708: a checkout was still open while the invoice was charged automatically, and both
/// were captured. An order has one checkout, and none once it is paid.
#[test]
fn case_13_an_order_has_one_checkout_and_an_invoice_one_open_order() {
    let given = given_renewal_checked_out();
    given.clone().when(given.start_checkout("another")).rejected("checkout_already_started");
    assert_eq!(given.account().orders.open().count(), 1);
    let paid = given.and(confirm("order_2", "pay_2"));
    paid.clone().when(paid.start_checkout("another")).rejected("order_already_paid");
    assert_eq!(paid.account().orders.open().count(), 0);
}

/// `FOSSBilling` #3106, Paymenter #640: the payment renewed at once and the nightly run renewed
/// again: one payment, two months.
#[test]
fn case_14_paying_a_renewal_does_not_renew() {
    let given = given_renewal_checked_out();
    let period = given.account().live().unwrap().period;
    let given = given.and(confirm("order_2", "pay_2"));
    assert_eq!(given.account().live().unwrap().period, period);
    given.clone().when(settle_due()).rejected("nothing_due");
    given.clone().when(confirm("order_2", "pay_2")).rejected("payment_already_confirmed");
    let given = given.at("2026-07-01T00:00:00Z").and(settle_due());
    assert_eq!(given.account().live().unwrap().period.start, period.end);
}

/// gumroad #6193: the processor's word of a refund was booked two and three times.
#[test]
fn case_15_a_refund_is_booked_once_whoever_says_so() {
    let given = given_subscribed("pro").and(refund(Some("5")));
    let refund_id = given.last_refund();
    let outcome = RefundOutcome::Processed("rfnd_1".into());
    let processed = RecordRefund { account_id: account_id(), refund_id, outcome };
    let given = given.and(processed.clone());
    given.clone().when(processed).rejected("refund_already_settled");
    // A part that went back is not there to go back again.
    let payment = given.account().payments.iter().next().unwrap().clone();
    assert_eq!(payment.refundable().unwrap(), usd("10"));
}

/// cashier-stripe #1201: messages came out of order and the last writer won: a paying customer was
/// shown as incomplete. What has been settled does not go back.
#[test]
fn case_16_news_that_comes_late_takes_nothing_back() {
    let given = given_subscribed("pro").and(refund(None));
    let refund_id = given.last_refund();
    let record = |outcome| RecordRefund { account_id: account_id(), refund_id, outcome };
    let given = given.and(record(RefundOutcome::Processed("rfnd_1".into())));
    let late = record(RefundOutcome::Failed("no answer in time".into()));
    given.when(late).rejected("refund_already_settled");
    let paid = given_subscribed("pro");
    paid.clone().when(paid.start_checkout("late")).rejected("order_already_paid");
    assert_eq!(paid.account().live().unwrap().status, Status::Active);
}
