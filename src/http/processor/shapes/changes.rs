//! Plan changes in the processor dialect, by pure functions of their events.

use daybook_events::{
    Currency, Money, Recorded,
    event::{
        AccountEvent as A, CreditEvent, InvoiceEvent, InvoiceIssued, OrderEvent, OrderPlaced,
        OrderPurpose, PlanChangeScheduled, PlanChanged, SubscriptionEvent as S,
    },
};
use serde_json::{Value, json};

use super::{amount, credit_note, invoice, plan};
use crate::http::outcome::{account_event, last};

/// What a request for a plan change decided.
enum Decided<'e> {
    /// Another plan, at once.
    Changed(&'e PlanChanged),
    /// Another plan when the period ends.
    Scheduled(&'e PlanChangeScheduled),
    /// Another plan once an order is paid.
    Ordered(&'e OrderPlaced),
    /// A scheduled change will not happen.
    Withdrawn(Value),
}

fn decided(recorded: &Recorded) -> Option<Decided<'_>> {
    match account_event(recorded)? {
        A::Subscription(S::PlanChanged(changed)) => Some(Decided::Changed(changed)),
        A::Subscription(S::PlanChangeScheduled(scheduled)) => Some(Decided::Scheduled(scheduled)),
        A::Subscription(S::PlanChangeWithdrawn(it)) => {
            Some(Decided::Withdrawn(json!(it.subscription_id)))
        }
        A::Order(OrderEvent::OrderPlaced(placed)) if placed.purpose == OrderPurpose::ChangePlan => {
            Some(Decided::Ordered(placed))
        }
        _ => None,
    }
}

/// The events of what had fallen due before the change; nothing where there is no change.
#[must_use]
pub fn before_the_change(events: &[Recorded]) -> Option<&[Recorded]> {
    events.iter().rposition(|event| decided(event).is_some()).and_then(|at| events.get(..at))
}

/// What a change of plan comes to; nothing where the events hold none.
///
/// The newest decision counts: before it come what had fallen due, and an earlier change that gave
/// way.
#[must_use]
pub fn plan_change<'e>(events: impl Iterator<Item = &'e Recorded> + Clone) -> Option<Value> {
    let index = events.clone().map(decided).enumerate();
    let (index, decided) = index.filter_map(|(at, it)| Some((at, it?))).last()?;
    let own = events.skip(index);
    Some(match decided {
        Decided::Changed(it) => changed(it, own),
        Decided::Scheduled(it) => scheduled(it),
        Decided::Ordered(it) => ordered(it, own),
        Decided::Withdrawn(id) => json!({ "status": "withdrawn", "subscriptionId": id }),
    })
}

/// The order by which a change of plan is paid for, where something is to be paid.
#[must_use]
pub fn order_of_change<'e>(
    events: impl Iterator<Item = &'e Recorded> + Clone,
) -> Option<(Recorded, OrderPlaced)> {
    let index = events.clone().map(|event| decided(event).is_some()).enumerate();
    let index = index.filter(|(_, decides)| *decides).last()?.0;
    let own = events.skip(index);
    let issued = invoice_of_change(own.clone()).map(|(_, issued)| issued.invoice_id);
    let pays = |purpose: &OrderPurpose| match purpose {
        OrderPurpose::ChangePlan => true,
        OrderPurpose::PayInvoice { invoice_id, .. } => issued == Some(*invoice_id),
        OrderPurpose::Subscribe { .. } => false,
    };
    last(own, |event| match event {
        A::Order(OrderEvent::OrderPlaced(placed)) if pays(&placed.purpose) => Some(placed.clone()),
        _ => None,
    })
}

fn invoice_of_change<'e>(
    own: impl Iterator<Item = &'e Recorded>,
) -> Option<(Recorded, InvoiceIssued)> {
    last(own, |event| match event {
        A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.clone()),
        _ => None,
    })
}

fn changed<'e>(changed: &PlanChanged, own: impl Iterator<Item = &'e Recorded> + Clone) -> Value {
    let PlanChanged { subscription_id, from, to, at, period, .. } = changed;
    let mut body = json!({
        "status": "changed",
        "subscriptionId": subscription_id,
        "from": plan(from),
        "to": plan(to),
        "billingCycle": to.cycle,
        "effectiveAt": at,
        "currentPeriodStart": period.start,
        "currentPeriodEnd": period.end,
    });
    add_figures(&mut body, to.price.currency(), own);
    body
}

fn scheduled(scheduled: &PlanChangeScheduled) -> Value {
    let PlanChangeScheduled { subscription_id, from, to, takes_effect_at } = scheduled;
    let mut body = json!({
        "status": "scheduled",
        "subscriptionId": subscription_id,
        "from": plan(from),
        "to": plan(to),
        "billingCycle": to.cycle,
        "amount": amount(to.price),
        "effectiveAt": takes_effect_at,
        "currentPeriodEnd": takes_effect_at,
    });
    add_figures(&mut body, to.price.currency(), std::iter::empty());
    body
}

fn ordered<'e>(placed: &OrderPlaced, mut own: impl Iterator<Item = &'e Recorded> + Clone) -> Value {
    json!({
        "status": "awaiting_payment",
        "order": {
            "id": placed.order_id,
            "number": own.next().and_then(|recorded| recorded.number.as_ref()),
        },
        "to": plan(&placed.plan),
        "billingCycle": placed.plan.cycle,
        "amountDue": amount(placed.amount),
        "currency": placed.amount.currency(),
        "effectiveAt": null,
        "orderExpiresAt": placed.expires_at,
    })
}

/// What is taken back, billed, settled and left to pay.
fn add_figures<'e>(
    body: &mut Value,
    currency: Currency,
    own: impl Iterator<Item = &'e Recorded> + Clone,
) {
    let sum = |pick: &dyn Fn(&A) -> Option<Money>| {
        let amounts = own.clone().filter_map(|recorded| pick(account_event(recorded)?));
        json!(Money::sum(currency, amounts).map(amount).unwrap_or_default())
    };
    body["currency"] = json!(currency);
    body["credit"] = sum(&|event| match event {
        A::Invoice(InvoiceEvent::CreditNoteIssued(note)) => Some(note.totals.total),
        _ => None,
    });
    body["charge"] = sum(&|event| match event {
        A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.totals.total),
        _ => None,
    });
    body["creditApplied"] = sum(&|event| match event {
        A::Credit(CreditEvent::CreditApplied(applied)) => Some(applied.amount),
        _ => None,
    });
    let order = order_of_change(own.clone()).map(|(_, placed)| placed.amount);
    body["amountDue"] = json!(amount(order.unwrap_or(Money::zero(currency))));
    let issued = invoice_of_change(own.clone());
    body["invoice"] = json!(issued.map(|(recorded, issued)| invoice(&recorded, &issued)));
    let notes = own.filter_map(|recorded| match account_event(recorded)? {
        A::Invoice(InvoiceEvent::CreditNoteIssued(note)) => Some(credit_note(recorded, note)),
        _ => None,
    });
    body["creditNotes"] = json!(notes.collect::<Vec<_>>());
}
