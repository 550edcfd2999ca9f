//! What the processor dialect shows: camelCase names, amounts as strings in major units.

use daybook_events::{
    Event, Money, Recorded,
    event::{
        AccountEvent, CheckoutStarted, CreditEvent, HeldPlan, InvoiceEvent, InvoiceIssued,
        OrderEvent, OrderPlaced, PlanChanged, SubscriptionEvent,
    },
};
use daybook_projections::subscriptions::{SubscriptionRow, SubscriptionStatus};
use serde_json::{Value, json};

use crate::app::App;

/// An amount as a string in major units.
#[must_use]
pub fn amount(money: Money) -> String {
    money.amount().to_string()
}

/// A plan as somebody holds it.
#[must_use]
pub fn plan(plan: &HeldPlan) -> Value {
    json!({
        "id": plan.plan_id,
        "number": plan.number,
        "slug": plan.slug,
        "name": plan.name,
        "type": plan.plan_type,
        "revision": plan.revision,
    })
}

/// A subscription.
#[must_use]
pub fn subscription(row: &SubscriptionRow) -> Value {
    let cancelling = row.status == SubscriptionStatus::Cancelling;
    json!({
        "id": row.subscription_id,
        "accountId": row.account_id,
        "planId": row.plan.plan_id,
        "plan": plan(&row.plan),
        "billingCycle": row.plan.cycle,
        "status": row.status,
        "amount": amount(row.plan.price),
        "currency": row.plan.price.currency(),
        "currentPeriodStart": row.period.start,
        "currentPeriodEnd": row.period.end,
        "cancelAtPeriodEnd": cancelling,
        "cancelAt": row.cancel_at,
        "startedAt": row.started_at,
        "endedAt": row.ended_at,
        "endReason": row.end_reason,
        "limits": row.plan.limits,
    })
}

/// What a client needs to take the payment of a checkout: ours, and beside it the parameters that
/// Razorpay's SDK takes, verbatim.
#[must_use]
pub fn checkout(app: &App, order: &OrderPlaced, number: &str, started: &CheckoutStarted) -> Value {
    let id = &started.processor_order_id;
    json!({
        "order": { "id": order.order_id, "number": number },
        "orderId": id,
        "planId": order.plan.plan_id,
        "billingCycle": order.plan.cycle,
        "amount": amount(started.amount),
        "currency": started.amount.currency(),
        "processor": started.processor,
        "checkoutUrl": format!("{}/sandbox/checkout/{id}", app.face.public_url),
        "razorpay": {
            "key": app.processor.public_key(),
            "amount": i64::try_from(started.amount.minor()).unwrap_or(i64::MAX),
            "currency": started.amount.currency(),
            "name": order.plan.name,
            "description": format!("Order {number}"),
            "order_id": id,
        },
    })
}

/// An invoice as it was issued.
#[must_use]
pub fn invoice(recorded: &Recorded, issued: &InvoiceIssued) -> Value {
    json!({
        "id": issued.invoice_id,
        "number": recorded.number,
        "total": amount(issued.totals.total),
        "currency": issued.totals.total.currency(),
        "lines": issued.lines.iter().map(|line| json!({
            "description": line.description,
            "amount": amount(line.amount),
            "periodStart": line.span.start,
            "periodEnd": line.span.end,
        })).collect::<Vec<_>>(),
    })
}

/// What a change of plan comes to, by a pure function of its events.
#[must_use]
pub fn plan_change<'e>(events: impl Iterator<Item = &'e Recorded> + Clone) -> Value {
    let changed = find(events.clone(), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::PlanChanged(changed)) => {
            Some(changed.clone())
        }
        _ => None,
    });
    let Some((_, changed)) = changed else { return json!({}) };
    let currency = changed.to.price.currency();
    let sum = |pick: &dyn Fn(&AccountEvent) -> Option<Money>| {
        let amounts = events.clone().filter_map(|recorded| pick(account_event(recorded)?));
        Money::sum(currency, amounts).map(amount).unwrap_or_default()
    };
    let invoice = find(events.clone(), |event| match event {
        AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.clone()),
        _ => None,
    });
    let PlanChanged { subscription_id, from, to, at, period, .. } = &changed;
    json!({
        "subscriptionId": subscription_id,
        "from": plan(from),
        "to": plan(to),
        "billingCycle": to.cycle,
        "effectiveAt": at,
        "currentPeriodStart": period.start,
        "currentPeriodEnd": period.end,
        "currency": currency,
        "credit": sum(&|event| match event {
            AccountEvent::Invoice(InvoiceEvent::CreditNoteIssued(note)) => Some(note.totals.total),
            _ => None,
        }),
        "charge": sum(&|event| match event {
            AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.totals.total),
            _ => None,
        }),
        "creditApplied": sum(&|event| match event {
            AccountEvent::Credit(CreditEvent::CreditApplied(applied)) => Some(applied.amount),
            _ => None,
        }),
        "amountDue": sum(&|event| match event {
            AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => Some(placed.amount),
            _ => None,
        }),
        "invoice": invoice.map(|(recorded, issued)| self::invoice(&recorded, &issued)),
    })
}

/// The account's event inside an envelope.
#[must_use]
pub fn account_event(recorded: &Recorded) -> Option<&AccountEvent> {
    match &recorded.event {
        Event::Account(event) => Some(event),
        Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => None,
    }
}

/// The first event that a pattern finds, with its envelope.
pub fn find<'e, T>(
    mut events: impl Iterator<Item = &'e Recorded>,
    pick: impl Fn(&AccountEvent) -> Option<T>,
) -> Option<(Recorded, T)> {
    events.find_map(|recorded| Some((recorded.clone(), pick(account_event(recorded)?)?)))
}
