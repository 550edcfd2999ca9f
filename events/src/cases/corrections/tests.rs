//! Refunds and adjustments: cases 10 and 11.

use crate::{
    account::Account,
    commands::{CreditInvoice, RecordRefund, RefundOutcome},
    money::Money,
    testing::*,
};

fn due(account: &Account) -> Money {
    Money::sum(account.currency, account.invoices.iter().map(|invoice| invoice.due)).unwrap()
}

/// `pro` at 15.00, half a month ago, its invoice taken back as a whole.
fn given_taken_back() -> Given {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    let given = given.clone().and(credit_invoice(&given, None));
    assert_eq!(given.account().credit, usd("15"));
    given
}

/// killbill #1505: after a full adjustment a price change met an illegal state, or billed the
/// adjusted period again.
#[test]
fn case_10_a_change_after_a_full_adjustment_bills_the_new_plan_only() {
    let then = given_taken_back().when(change_plan("enterprise_lite"));
    then.recorded(&[
        "subscription.plan_changed",
        "invoice.issued",
        "credit.applied",
        "order.placed",
    ]);
    // Nothing is left of the old plan to take back: 20.00 less the 15.00.
    assert_eq!(then.order_amount(), "5.00 USD");
}

/// killbill #154: the same, then cancelled.
#[test]
fn case_10_a_full_adjustment_then_an_end_gives_nothing_twice() {
    for at_period_end in [true, false] {
        let given = given_taken_back().and(cancel(at_period_end));
        let given = given.at("2026-07-01T00:00:00Z");
        let given = given.clone().try_and(settle_due()).unwrap_or(given);
        assert_eq!(given.account().credit, usd("15"));
        assert!(given.account().live().is_none() && due(&given.account()).is_zero());
    }
    given_taken_back().when(refund(None)).rejected("nothing_to_refund");
}

/// A part taken back comes off what a change, a refund or another credit note can still take.
#[test]
fn case_10_what_was_taken_back_is_not_taken_back_again() {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    let given = given.clone().and(credit_invoice(&given, Some("5")));
    // 7.50 of the month are left, 5.00 of which came back already.
    let then = given.clone().when(change_plan("starter"));
    assert_eq!(then.credit_note_total(), "2.50 USD");
    assert_eq!(given.clone().when(refund(None)).refund_amounts(), ["2.50 USD"]);
    given.clone().when(credit_invoice(&given, Some("10.01"))).rejected("credit_exceeds_invoice");
}

/// killbill #1898: a refund followed by a change left the account parked.
#[test]
fn case_10_after_a_refund_the_account_goes_on_with_a_new_subscription() {
    let given = given_subscribed("pro").at("2026-05-03T00:00:00Z").and(refund(None));
    given.clone().when(change_plan("starter")).rejected("no_subscription");
    given.clone().when(cancel(true)).rejected("no_subscription");
    given.clone().when(resume()).rejected("resume_not_possible");
    let given = given.and(order_of("starter")).and_paid().and(change_plan("pro")).and_paid();
    let account = given.account();
    assert!(!account.parked && account.credit.is_zero() && due(&account).is_zero());
    // The first period of the new subscription is refunded for itself.
    let then = given.when(refund(None));
    let amounts = then.refunds().map(|refund| refund.amount);
    assert_eq!(Money::sum(account.currency, amounts).unwrap(), usd("15"));
}

/// killbill #1007: the money was sent although the adjustment of the invoice then failed. Here a
/// refund is one decision: its credit notes first, then the request that the processor is asked
/// for; where a part of it cannot be, nothing is recorded.
#[test]
fn case_11_the_whole_effect_is_decided_before_a_processor_is_asked() {
    let given = given_subscribed("pro").at("2026-05-04T00:00:00Z");
    let given = given.and(change_plan("enterprise_lite")).and_paid();
    given.clone().when(refund(Some("1000"))).rejected("refund_exceeds_captured");
    let then = given.when(refund(None));
    let types: Vec<_> = then.events().iter().map(|it| it.event.type_name()).collect();
    let asked = types.iter().position(|name| *name == "refund.requested").unwrap();
    let noted = types.iter().rposition(|name| *name == "credit_note.issued").unwrap();
    assert!(noted < asked, "{types:?}");
}

/// A refund that the processor does not make stays owed: the money is not granted a second time.
#[test]
fn case_11_a_refund_that_fails_is_still_reserved() {
    let given = given_subscribed("pro").and(refund(None));
    let outcome = RefundOutcome::Failed("card closed".into());
    let refund_id = given.last_refund();
    let given = given.and(RecordRefund { account_id: account_id(), refund_id, outcome });
    given.clone().when(refund(None)).rejected("nothing_to_refund");
    given.clone().when(credit_invoice(&given, None)).rejected("credit_exceeds_invoice");
}

/// killbill #1949: a wrong adjustment could not be undone.
#[test]
fn case_11_a_wrong_adjustment_is_undone_once_by_an_event_that_names_it() {
    let given = given_subscribed("pro").and(grant("10"));
    let undone = given.clone().and(undo(&given));
    assert!(undone.account().credit.is_zero());
    undone.clone().when(undo(&undone)).rejected("adjustment_already_undone");
    // A write-off, too: what was due is due again, to the cent, and asked for once.
    let given = given_subscribed("pro").at("2026-06-10T00:00:00Z").and(settle_due());
    let before = due(&given.account());
    let given = given.clone().and(write_off(&given));
    assert!(due(&given.account()).is_zero());
    let given = given.clone().and(undo(&given));
    assert_eq!(due(&given.account()), before);
    assert_eq!(given.account().orders.open().count(), 1);
}

/// A credit note on an invoice that is paid in part takes from what is due first.
#[test]
fn a_credit_note_takes_what_is_due_before_it_gives_anything() {
    let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
    // 20.00 for the rest, 7.50 of it from credit: 12.50 are due.
    let given = given.and(change_plan("enterprise_lite"));
    let given = given.clone().and(credit_invoice(&given, Some("12")));
    assert_eq!((due(&given.account()), given.account().credit), (usd("0.50"), usd("0")));
    let all = CreditInvoice { amount: None, ..credit_invoice(&given, None) };
    let given = given.and(all);
    assert_eq!((due(&given.account()), given.account().credit), (usd("0"), usd("7.50")));
}
