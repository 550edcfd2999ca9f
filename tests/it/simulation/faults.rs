//! Planted faults: one amount of one event is another, and the invariants find it.

use daybook_events::{
    Event, Money, Recorded,
    event::{AccountEvent as A, CreditEvent, InvoiceEvent, PaymentEvent, SubscriptionEvent},
    invariants::Invariants,
};

/// Changes an event, where it is of the right kind.
type Plant = fn(&mut Event) -> bool;

const FAULTS: &[(&str, Plant)] = &[
    ("a cent more invoiced", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::InvoiceIssued(it))) => more(&mut it.totals.total),
        _ => false,
    }),
    ("a cent more of tax", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::InvoiceIssued(it))) => {
            it.totals.taxes.first_mut().is_some_and(|tax| more(&mut tax.amount))
        }
        _ => false,
    }),
    ("a cent more paid than was due", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::InvoicePaid(it))) => more(&mut it.from_payment),
        _ => false,
    }),
    ("a cent less captured than was used", |event| match event {
        Event::Account(A::Payment(PaymentEvent::PaymentCaptured(it))) => less(&mut it.amount),
        _ => false,
    }),
    ("a cent more of credit than was taken back", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::CreditNoteIssued(it))) => more(&mut it.to_credit),
        _ => false,
    }),
    ("a cent more refunded than was taken back", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::CreditNoteIssued(it))) => more(&mut it.to_refund),
        _ => false,
    }),
    ("a cent more of credit used", |event| match event {
        Event::Account(A::Credit(CreditEvent::CreditApplied(it))) => more(&mut it.amount),
        _ => false,
    }),
    ("a cent more written off", |event| match event {
        Event::Account(A::Invoice(InvoiceEvent::InvoiceWrittenOff(it))) => more(&mut it.amount),
        _ => false,
    }),
    ("a second between two periods", |event| match event {
        Event::Account(A::Subscription(SubscriptionEvent::SubscriptionRenewed(it))) => {
            it.period.start = it.period.start.plus_seconds(1);
            true
        }
        _ => false,
    }),
];

pub(super) fn each_is_found(log: &[Recorded]) {
    for (name, plant) in FAULTS {
        let mut places = (0..log.len()).filter(|index| plant(&mut log[*index].event.clone()));
        let first = places.next();
        // Not the first one only: a ledger is full of history when something goes wrong.
        let place = places.nth(5).or(first).unwrap_or_else(|| panic!("nowhere to plant {name}"));
        let mut invariants = Invariants::default();
        for (index, recorded) in log.iter().enumerate() {
            let mut recorded = recorded.clone();
            if index == place {
                plant(&mut recorded.event);
            }
            invariants.read(&recorded);
            if !invariants.breaches().is_empty() {
                break;
            }
        }
        let found = invariants.breaches().first();
        let found = found.unwrap_or_else(|| panic!("nobody noticed {name}"));
        assert!(found.position >= log[place].position, "{name}: {found}");
    }
}

fn shift(money: &mut Money, minor: i128) -> bool {
    let shifted = Money::from_minor(money.minor() + minor, money.currency());
    shifted.map(|shifted| *money = shifted).is_ok()
}

fn more(money: &mut Money) -> bool {
    shift(money, 1)
}

fn less(money: &mut Money) -> bool {
    shift(money, -1)
}
