//! What the invariants find: each with a fault planted in an honest history.

use super::*;
use crate::{
    event::{InvoicePaid, SubscriptionRenewed},
    testing::*,
};

fn read(events: &[Recorded]) -> Invariants {
    let mut invariants = Invariants::default();
    events.iter().for_each(|recorded| invariants.read(recorded));
    invariants
}

/// A payment of 15 of which 5 went back, and a second one, of which 4 did.
fn reported() -> Vec<Recorded> {
    let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
    let given = given.and(refunded_outside("pay_1", "rfnd_1", "5"));
    given.and(refunded_outside("pay_2", "rfnd_2", "4")).events().to_vec()
}

fn history() -> Vec<Recorded> {
    let given = given_account().and(tax_rules("GB", "20", false)).and(order_of("pro")).and_paid();
    let given = given.at("2026-05-11T00:00:00Z").and(change_plan("starter"));
    given.at("2026-06-02T00:00:00Z").and(settle_due()).events().to_vec()
}

/// The laws that break when an event of the history is planted anew.
fn broken_by(plant: impl Fn(&mut Event) -> bool) -> Vec<&'static str> {
    broken_in(history(), plant)
}

fn broken_in(mut events: Vec<Recorded>, plant: impl Fn(&mut Event) -> bool) -> Vec<&'static str> {
    let planted = events.iter_mut().any(|recorded| plant(&mut recorded.event));
    assert!(planted, "nothing was planted");
    let mut laws: Vec<_> = read(&events).breaches().iter().map(|breach| breach.law).collect();
    laws.dedup();
    laws
}

fn invoice(event: &mut Event) -> Option<&mut InvoiceIssued> {
    match event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(it))) => Some(it),
        _other => None,
    }
}

#[test]
fn an_honest_history_breaks_nothing() {
    let invariants = read(&history());
    assert_eq!(invariants.breaches(), []);
    let sums = invariants.sums()[&Currency::USD];
    assert_eq!((sums.charged, sums.captured), (1_800 + 407 + 600, 1_800));
    assert_eq!(sums.difference(), 0);
}

#[test]
fn a_cent_too_much_is_found() {
    let cent = |money: &mut Money| *money = money.plus(usd("0.01")).unwrap();
    let laws = broken_by(|event| invoice(event).map(|it| cent(&mut it.totals.total)).is_some());
    assert!(laws.contains(&"totals_add_up"), "{laws:?}");
    let laws = broken_by(|event| match event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::InvoicePaid(InvoicePaid {
            from_payment,
            ..
        }))) => {
            cent(from_payment);
            true
        }
        _other => false,
    });
    assert!(laws.contains(&"no_invoice_is_negative"), "{laws:?}");
    let laws = broken_by(|event| match event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))) => {
            cent(&mut note.to_credit);
            true
        }
        _other => false,
    });
    assert!(laws.contains(&"a_credit_note_is_accounted_for"), "{laws:?}");
    assert!(laws.contains(&"money_is_conserved"), "{laws:?}");
}

/// A fault in a reported refund.
type Plant = fn(&mut RefundReported);

#[test]
fn a_cent_that_went_back_from_nowhere_is_found() {
    let invariants = read(&reported());
    assert_eq!(invariants.breaches(), []);
    let sums = invariants.sums()[&Currency::USD];
    assert_eq!((sums.refunded, sums.refunds, sums.unplaced, sums.credit), (900, 900, 0, 1_100));
    let report = |event: &mut Event, plant: Plant| match event {
        Event::Account(AccountEvent::Payment(PaymentEvent::RefundReported(it))) => {
            plant(it);
            true
        }
        _other => false,
    };
    let cent = usd("0.01");
    let planted: [(&str, Plant); 3] = [
        ("a_reported_refund_is_accounted_for", |it| it.amount = usd("5.01")),
        // What no credit note took was taken from nowhere.
        ("refunds_are_taken_from_somewhere", |it| {
            (it.amount, it.from_invoices) = (usd("5.01"), usd("5.01"));
        }),
        ("a_reported_refund_is_accounted_for", |it| it.unplaced = usd("-0.01")),
    ];
    for (law, plant) in planted {
        let laws = broken_in(reported(), |event| report(event, plant));
        assert!(laws.contains(&law), "{law}: {laws:?}");
    }
    // A credit note without its refund, and credit that is more than there is.
    let laws = broken_in(reported(), |event| match event {
        Event::Account(AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note))) => {
            note.to_refund = note.to_refund.minus(cent).unwrap();
            true
        }
        _other => false,
    });
    assert!(laws.contains(&"money_is_conserved"), "{laws:?}");
    assert!(laws.contains(&"refunds_are_taken_from_somewhere"), "{laws:?}");
}

#[test]
fn a_period_that_does_not_follow_the_last_one_is_found() {
    let laws = broken_by(|event| match event {
        Event::Account(AccountEvent::Subscription(SubscriptionEvent::SubscriptionRenewed(
            SubscriptionRenewed { period, .. },
        ))) => {
            period.start = period.start.plus_seconds(1);
            true
        }
        _other => false,
    });
    assert_eq!(laws, ["periods_tile"]);
}
