//! What comes of money that a processor takes.

use super::*;
use crate::{
    event::{AccountEvent, InvoiceEvent, PaymentEvent},
    testing::*,
};

const RECEIPT: [&str; 5] =
    ["subscription.renewed", "invoice.issued", "order.placed", "payment.captured", "invoice.paid"];

#[test]
fn a_renewal_is_a_receipt_of_what_the_processor_billed_less_its_tax() {
    let given = given_run_by_merchant().and(tax_rules("GB", "20", false));
    let then = given.at("2026-06-01T00:05:00Z").when(renewal("inv_1", "2026-06-01T00:00:30Z"));
    then.recorded(&RECEIPT);
    assert_eq!(then.events()[1].number.as_deref(), Some("RC-2026-000002"));
    assert_eq!(then.invoice_total(), "15.00 USD");
    let issued = then.first(|event| match event {
        AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.clone()),
        _ => None,
    });
    assert!(issued.tax.is_by_merchant_of_record() && issued.totals.tax.is_zero());
    assert!(issued.tax.wording.unwrap().contains("Lemon Squeezy"));
    assert_eq!(issued.lines[0].span.start.to_string(), "2026-06-01T00:00:00.000000Z");
    let captured = then.first(|event| match event {
        AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured)) => Some(captured.clone()),
        _ => None,
    });
    assert_eq!((captured.amount, captured.processor.as_str()), (usd("15"), MERCHANT_PROCESSOR));
    assert_eq!(captured.merchant.unwrap().total, usd("18"));
    assert_eq!(then.account().live().unwrap().period_index, 1);
    assert!(then.account().invoices.iter().all(|invoice| !invoice.is_open()));
}

#[test]
fn the_processors_own_proration_is_in_what_is_booked() {
    let dearer = RenewByProcessor {
        total: usd("125.00"),
        tax: usd("0"),
        ..renewal("inv_1", "2026-06-01T00:00:00Z")
    };
    let then = given_run_by_merchant().at("2026-06-01T01:00:00Z").when(dearer);
    assert_eq!(then.invoice_total(), "125.00 USD");
}

#[test]
fn a_payment_is_booked_once() {
    let given = given_run_by_merchant().at("2026-06-01T01:00:00Z");
    let given = given.and(renewal("inv_1", "2026-06-01T00:00:00Z"));
    given.when(renewal("inv_1", "2026-06-01T00:00:00Z")).rejected("payment_already_confirmed");
}

#[test]
fn it_may_come_hours_before_our_period_ends_or_days_after() {
    for (now, at) in [
        ("2026-05-31T20:00:00Z", "2026-05-31T19:59:00Z"),
        ("2026-06-09T00:00:00Z", "2026-06-01T00:00:00Z"),
        ("2026-06-09T00:00:00Z", "2026-06-08T00:00:00Z"),
    ] {
        let then = given_run_by_merchant().at(now).when(renewal("inv_1", at));
        then.recorded(&RECEIPT);
        let live = then.account().live().unwrap().clone();
        assert_eq!(
            (live.period_index, live.period.start.to_string().as_str()),
            (1, "2026-06-01T00:00:00.000000Z")
        );
    }
}

#[test]
fn the_later_renewal_first_begins_both_periods_and_the_earlier_bills_its_own() {
    let given = given_run_by_merchant().at("2026-07-02T00:00:00Z");
    let then = given.clone().when(renewal("inv_2", "2026-07-01T00:00:00Z"));
    then.recorded(&[&RECEIPT[..1], &RECEIPT[..]].concat());
    let given = given.and(renewal("inv_2", "2026-07-01T00:00:00Z"));
    let then = given.when(renewal("inv_1", "2026-06-01T00:00:00Z"));
    then.recorded(&RECEIPT[1..]);
    assert_eq!(then.account().live().unwrap().period_index, 2);
}

#[test]
fn without_an_instant_it_is_for_the_next_period() {
    let given = given_run_by_merchant().at("2026-06-01T01:00:00Z");
    let next = RenewByProcessor { at: None, ..renewal("inv_1", "2026-06-01T00:00:00Z") };
    let then = given.when(next);
    assert_eq!(then.account().live().unwrap().period_index, 1);
}

#[test]
fn a_charge_inside_a_period_is_a_receipt_for_its_rest() {
    let charge = RenewByProcessor {
        reason: ChargeReason::Updated,
        ..renewal("inv_1", "2026-05-11T00:00:00Z")
    };
    let then = given_run_by_merchant().at("2026-05-11T00:01:00Z").when(charge.clone());
    then.recorded(&RECEIPT[1..]);
    let line = then.account().invoices.iter().last().unwrap().lines[0].billed.clone();
    assert_eq!(line.span.start.to_string(), "2026-05-11T00:00:00.000000Z");
    assert_eq!(line.span.end.to_string(), "2026-06-01T00:00:00.000000Z");
    assert_eq!(line.description, "Plan pro (monthly), plan change");
    // The period is still there to be renewed after it.
    let given = given_run_by_merchant().at("2026-06-01T00:01:00Z").and(charge);
    given.when(renewal("inv_2", "2026-06-01T00:00:00Z")).recorded(&RECEIPT);
}

#[test]
fn money_for_what_is_over_becomes_credit_and_is_not_lost() {
    let given = given_run_by_merchant().and(cancel(false)).at("2026-06-01T01:00:00Z");
    let then = given.when(renewal("inv_1", "2026-06-01T00:00:00Z"));
    then.recorded(&["payment.captured", "credit.granted"]);
    assert_eq!(then.account().credit, usd("15"));
    // So does money for an order that never began a subscription.
    let given = given_subscribed("free").and(cancel(false)).and(order_at_merchant());
    let checkout = given.merchant_checkout();
    let given = given.and(checkout);
    let linking = link(given.newest_order());
    let given = given.and(linking).and(order_of("free")).and(confirm("ls_order", "first"));
    let then = given.when(renewal("inv_1", "2026-06-01T00:00:00Z"));
    then.recorded(&["payment.captured", "credit.granted"]);
}

#[test]
fn money_that_was_taken_before_the_end_pays_for_its_period_after_it() {
    let given = given_run_by_merchant().at("2026-07-01T12:00:00Z");
    let over = ending_word("expired", "2026-07-01T00:00:00Z", "2026-07-01T00:00:00Z");
    let then = given.and(over).when(renewal("inv_1", "2026-06-01T00:00:00Z"));
    then.recorded(&RECEIPT);
    assert!(then.account().live().is_none());
}

#[test]
fn a_parked_account_keeps_the_money_as_credit() {
    let policy = crate::policy::Policy { invoice_lines_per_day: 1, ..Default::default() };
    let given = given_run_by_merchant().and(adopt(policy));
    let then = given.when(renewal("inv_1", "2026-05-01T00:00:00Z"));
    then.recorded(&["account.parked", "payment.captured", "credit.granted"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let given = given_run_by_merchant();
    let sound = renewal("inv_1", "2026-06-01T00:00:00Z");
    let unknown = RenewByProcessor { processor_subscription_id: "ls_9".into(), ..sound.clone() };
    given.clone().when(unknown).rejected("subscription_not_linked");
    let euros = Money::parse("18", crate::Currency::EUR).unwrap();
    let foreign = RenewByProcessor { total: euros, ..sound.clone() };
    given.clone().when(foreign).rejected("currency_mismatch");
    let all_tax = RenewByProcessor { tax: usd("18"), ..sound.clone() };
    given.when(all_tax).rejected("amount_not_positive");
    let at_checkout = given_at_merchant();
    let linking = link(at_checkout.newest_order());
    at_checkout.and(linking).when(sound).rejected("subscription_not_begun");
}
