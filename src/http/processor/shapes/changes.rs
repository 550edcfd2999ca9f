//! Plan changes in the processor dialect, by pure functions of their events.

use daybook_events::{
    Currency, Money, Recorded, Timestamp,
    event::{
        AccountEvent as A, CreditEvent, InvoiceEvent, InvoiceIssued, OrderEvent, OrderPlaced,
        OrderPurpose, PlanChangeRequested, PlanChangeScheduled, PlanChanged,
        SubscriptionEvent as S,
    },
    ids::SubscriptionId,
    period::Cycle,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Amount, CreditNote, Invoice, PlanHeld, amount, credit_note, invoice,
    orders::{Checkout, OrderRef},
    plan,
    requested::{Requested, requested},
};
use crate::http::outcome::{account_event, last};

/// What a change of plan comes to.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum PlanChange {
    /// Another plan, at once.
    Changed(Box<Changed>),
    /// Another plan when the period ends.
    Scheduled(Box<Scheduled>),
    /// Another plan once an order is paid.
    AwaitingPayment(Box<Ordered>),
    /// Another plan once the processor that runs the subscription says so.
    Requested(Box<Requested>),
    /// A scheduled change will not happen.
    Withdrawn(Withdrawn),
}

/// A plan change that has happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// Whose plan.
    subscription_id: SubscriptionId,
    /// The plan before.
    from: PlanHeld,
    /// The plan now.
    to: PlanHeld,
    /// How often it is billed now.
    billing_cycle: Cycle,
    /// The instant of the change.
    effective_at: Timestamp,
    /// The first instant of the current period.
    current_period_start: Timestamp,
    /// The first instant after it.
    current_period_end: Timestamp,
    #[serde(flatten)]
    figures: Figures,
}

/// A plan change that happens when the period ends.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scheduled {
    /// Whose plan.
    subscription_id: SubscriptionId,
    /// The plan until then.
    from: PlanHeld,
    /// The plan that comes.
    to: PlanHeld,
    /// How often it will be billed.
    billing_cycle: Cycle,
    /// What a period will cost.
    amount: Amount,
    /// The instant at which it happens.
    effective_at: Timestamp,
    /// The first instant after the current period.
    current_period_end: Timestamp,
    #[serde(flatten)]
    figures: Figures,
}

/// A plan change that happens once an order is paid.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ordered {
    /// The order.
    order: OrderRef,
    /// The plan that it pays for.
    to: PlanHeld,
    /// How often it will be billed.
    billing_cycle: Cycle,
    /// What the order asks.
    amount_due: Amount,
    /// The currency of the amount.
    currency: Currency,
    /// Not known yet.
    effective_at: (),
    /// The instant at which the order expires unpaid; `null` where it waits.
    order_expires_at: Option<Timestamp>,
}

/// A scheduled change that will not happen.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Withdrawn {
    /// Whose plan.
    subscription_id: SubscriptionId,
}

/// What is taken back, billed, settled and left to pay.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The currency of every amount.
    currency: Currency,
    /// What credit notes take back.
    credit: Amount,
    /// What is billed.
    charge: Amount,
    /// What of it account credit pays.
    credit_applied: Amount,
    /// What is left to pay now.
    amount_due: Amount,
    /// The invoice; `null` where nothing is billed.
    invoice: Option<Invoice>,
    /// The credit notes.
    credit_notes: Vec<CreditNote>,
}

/// A plan change as it was made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanChangeAnswer {
    #[serde(flatten)]
    /// What it comes to.
    pub change: PlanChange,
    /// How to pay for it; `null` where nothing is to be paid.
    pub checkout: Option<Checkout>,
}

/// What a plan change would come to.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanChangePreview {
    #[serde(flatten)]
    /// What it would come to.
    pub change: PlanChange,
    /// That nothing has happened.
    pub preview: bool,
    /// Whether the token pins the figures.
    pub binding: bool,
    /// What makes the change with these figures, given back with the same request.
    pub preview_token: String,
    /// The instant at which the token is too old.
    pub expires_at: Timestamp,
}

/// What a request for a plan change decided.
enum Decided<'e> {
    /// Another plan, at once.
    Changed(&'e PlanChanged),
    /// Another plan when the period ends.
    Scheduled(&'e PlanChangeScheduled),
    /// Another plan once an order is paid.
    Ordered(&'e OrderPlaced),
    /// Another plan once the processor says so.
    Requested(&'e PlanChangeRequested),
    /// A scheduled change will not happen.
    Withdrawn(SubscriptionId),
}

fn decided(recorded: &Recorded) -> Option<Decided<'_>> {
    match account_event(recorded)? {
        A::Subscription(S::PlanChanged(changed)) => Some(Decided::Changed(changed)),
        A::Subscription(S::PlanChangeScheduled(scheduled)) => Some(Decided::Scheduled(scheduled)),
        A::Subscription(S::PlanChangeRequested(asked)) => Some(Decided::Requested(asked)),
        A::Subscription(S::PlanChangeWithdrawn(it)) => Some(Decided::Withdrawn(it.subscription_id)),
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
pub fn plan_change<'e>(events: impl Iterator<Item = &'e Recorded> + Clone) -> Option<PlanChange> {
    let index = events.clone().map(decided).enumerate();
    let (index, decided) = index.filter_map(|(at, it)| Some((at, it?))).last()?;
    let own = events.skip(index);
    Some(match decided {
        Decided::Changed(it) => PlanChange::Changed(Box::new(changed(it, own))),
        Decided::Scheduled(it) => PlanChange::Scheduled(Box::new(scheduled(it))),
        Decided::Ordered(it) => PlanChange::AwaitingPayment(Box::new(ordered(it, own))),
        Decided::Requested(it) => PlanChange::Requested(Box::new(requested(it))),
        Decided::Withdrawn(subscription_id) => PlanChange::Withdrawn(Withdrawn { subscription_id }),
    })
}

/// Numbers are assigned with the documents; of a preview there are none yet.
#[must_use]
pub fn without_numbers(mut change: PlanChange) -> PlanChange {
    let figures = match &mut change {
        PlanChange::Changed(changed) => Some(&mut changed.figures),
        PlanChange::Scheduled(scheduled) => Some(&mut scheduled.figures),
        PlanChange::AwaitingPayment(ordered) => {
            ordered.order.number = None;
            None
        }
        PlanChange::Requested(_) | PlanChange::Withdrawn(_) => None,
    };
    if let Some(figures) = figures {
        figures.invoice.iter_mut().for_each(|invoice| invoice.number = None);
        figures.credit_notes.iter_mut().for_each(|note| note.number = None);
    }
    change
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

fn changed<'e>(changed: &PlanChanged, own: impl Iterator<Item = &'e Recorded> + Clone) -> Changed {
    let PlanChanged { subscription_id, from, to, at, period, .. } = changed;
    Changed {
        subscription_id: *subscription_id,
        from: plan(from),
        to: plan(to),
        billing_cycle: to.cycle,
        effective_at: *at,
        current_period_start: period.start,
        current_period_end: period.end,
        figures: figures(to.price.currency(), own),
    }
}

fn scheduled(scheduled: &PlanChangeScheduled) -> Scheduled {
    let PlanChangeScheduled { subscription_id, from, to, takes_effect_at } = scheduled;
    Scheduled {
        subscription_id: *subscription_id,
        from: plan(from),
        to: plan(to),
        billing_cycle: to.cycle,
        amount: amount(to.price),
        effective_at: *takes_effect_at,
        current_period_end: *takes_effect_at,
        figures: figures(to.price.currency(), std::iter::empty()),
    }
}

fn ordered<'e>(
    placed: &OrderPlaced,
    mut own: impl Iterator<Item = &'e Recorded> + Clone,
) -> Ordered {
    let number = own.next().and_then(|recorded| recorded.number.clone());
    Ordered {
        order: OrderRef { id: placed.order_id, number },
        to: plan(&placed.plan),
        billing_cycle: placed.plan.cycle,
        amount_due: amount(placed.amount),
        currency: placed.amount.currency(),
        effective_at: (),
        order_expires_at: placed.expires_at,
    }
}

/// What is taken back, billed, settled and left to pay.
fn figures<'e>(currency: Currency, own: impl Iterator<Item = &'e Recorded> + Clone) -> Figures {
    let sum = |pick: &dyn Fn(&A) -> Option<Money>| {
        let amounts = own.clone().filter_map(|recorded| pick(account_event(recorded)?));
        amount(Money::sum(currency, amounts).unwrap_or(Money::zero(currency)))
    };
    let credit = sum(&|event| match event {
        A::Invoice(InvoiceEvent::CreditNoteIssued(note)) => Some(note.totals.total),
        _ => None,
    });
    let charge = sum(&|event| match event {
        A::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.totals.total),
        _ => None,
    });
    let credit_applied = sum(&|event| match event {
        A::Credit(CreditEvent::CreditApplied(applied)) => Some(applied.amount),
        _ => None,
    });
    let order = order_of_change(own.clone()).map(|(_, placed)| placed.amount);
    let issued = invoice_of_change(own.clone());
    let notes = own.filter_map(|recorded| match account_event(recorded)? {
        A::Invoice(InvoiceEvent::CreditNoteIssued(note)) => Some(credit_note(recorded, note)),
        _ => None,
    });
    Figures {
        currency,
        credit,
        charge,
        credit_applied,
        amount_due: amount(order.unwrap_or(Money::zero(currency))),
        invoice: issued.map(|(recorded, issued)| invoice(&recorded, &issued)),
        credit_notes: notes.collect(),
    }
}
