//! Orders in the processor dialect: a checkout, an order fulfilled at once, a confirmed payment.

use std::sync::Arc;

use daybook_events::{
    Currency, Recorded, Timestamp,
    event::{
        AccountEvent, CheckoutStarted, CreditEvent, CreditSource, InvoiceEvent, OrderPlaced,
        OrderPurpose, PaymentCaptured, PaymentEvent, PlanChanged, Quote, SubscriptionActivated,
        SubscriptionEvent,
    },
    ids::{InvoiceId, OrderId, PaymentId, PlanId, SubscriptionId},
    period::Cycle,
};
use daybook_projections::subscriptions::SubscriptionStatus;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Amount, Discount, Invoice, PlanHeld, Sums, amount, discount, invoice, plan, totals};
use crate::{
    app::App,
    http::{
        outcome::{account_event, last},
        processor::asking::page,
    },
    processors::{Processor, razorpay, sandbox},
};

/// An order by its names.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderRef {
    /// The order's id.
    pub(super) id: OrderId,
    /// Its number, decimal digits; `null` in a preview, which has none yet.
    pub(super) number: Option<String>,
}

/// What an order's amount comes from; all `null` where it asks for what is due on an invoice.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quoted {
    /// The sums of the first period.
    totals: Option<Sums>,
    /// The coupon's discount; `null` without one.
    discount: Option<Discount>,
    /// What account credit pays of the total; `null` where the order begins with free days.
    credit_applied: Option<Amount>,
}

/// What a client needs to take a payment.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkout {
    /// The order.
    order: OrderRef,
    /// The processor's id of the order, as its SDK wants it.
    order_id: String,
    /// The id of the plan that is ordered.
    plan_id: PlanId,
    /// How often it is billed.
    billing_cycle: Cycle,
    /// What is to be paid.
    amount: Amount,
    /// The currency of the amount.
    currency: Currency,
    /// The instant at which the order expires unpaid; `null` where it waits for its invoice.
    expires_at: Option<Timestamp>,
    /// Which processor takes the payment.
    processor: String,
    /// The page on which it is paid.
    checkout_url: String,
    /// The parameters that Razorpay's SDK takes, verbatim; `null` where another processor takes
    /// the payment.
    razorpay: Option<RazorpayOptions>,
    #[serde(flatten)]
    quoted: Quoted,
}

/// The parameters that Razorpay's SDK takes, named and counted as it does.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RazorpayOptions {
    /// The processor's public key.
    key: String,
    /// The amount in minor units.
    amount: i64,
    /// The currency of the amount.
    currency: Currency,
    /// What is bought.
    name: String,
    /// What the payer sees of the order.
    description: String,
    /// The processor's id of the order.
    order_id: String,
}

/// What a client needs to take the payment of a checkout: ours, and beside it the parameters that
/// Razorpay's SDK takes, verbatim.
#[must_use]
pub fn checkout(
    app: &App,
    order: &OrderPlaced,
    number: &str,
    started: &CheckoutStarted,
) -> Checkout {
    let id = &started.processor_order_id;
    Checkout {
        order: OrderRef { id: order.order_id, number: Some(number.to_owned()) },
        order_id: id.clone(),
        plan_id: order.plan.plan_id,
        billing_cycle: order.plan.cycle,
        amount: amount(started.amount),
        currency: started.amount.currency(),
        expires_at: order.expires_at,
        processor: started.processor.clone(),
        checkout_url: page(&app.face, started),
        razorpay: speaks_razorpay(app, started).map(|processor| RazorpayOptions {
            key: processor.public_key().to_owned(),
            amount: i64::try_from(started.amount.minor()).unwrap_or(i64::MAX),
            currency: started.amount.currency(),
            name: order.plan.name.clone(),
            description: format!("Order {number}"),
            order_id: id.clone(),
        }),
        quoted: quoted(order),
    }
}

/// The processor of a checkout, where it takes the parameters of Razorpay's SDK.
fn speaks_razorpay<'a>(app: &'a App, started: &CheckoutStarted) -> Option<&'a Arc<dyn Processor>> {
    let found = app.processors.named(&started.processor).ok()?;
    [razorpay::NAME, sandbox::NAME].contains(&found.name()).then_some(found)
}

/// What an order's amount comes from: the quote of a new subscription; an order for an invoice
/// asks for what is due on it, which the invoice explains.
fn quoted(order: &OrderPlaced) -> Quoted {
    let quoted: Option<&Quote> = match &order.purpose {
        OrderPurpose::Subscribe { quote } => Some(quote),
        OrderPurpose::PayInvoice { .. } | OrderPurpose::ChangePlan => None,
    };
    let credit = quoted
        .filter(|quote| quote.trial_days == 0)
        .and_then(|quote| quote.totals.total.minus(order.amount).ok());
    Quoted {
        totals: quoted.map(|quote| totals(&quote.totals, &quote.tax)),
        discount: quoted.and_then(|quote| quote.discount.as_ref()).map(discount),
        credit_applied: credit.map(amount),
    }
}

/// An order with nothing to pay now: its subscription runs already, or its free days do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fulfilled {
    /// The order.
    order: OrderRef,
    /// No processor was asked.
    order_id: (),
    /// The id of the plan that was ordered.
    plan_id: PlanId,
    /// How often it is billed.
    billing_cycle: Cycle,
    /// What was to be paid: nothing.
    amount: Amount,
    /// The currency of the amount.
    currency: Currency,
    /// Where the subscription stands.
    status: Option<SubscriptionStatus>,
    /// The subscription.
    subscription_id: Option<SubscriptionId>,
    /// The end of its free days; `null` where it has none.
    trial_ends_at: Option<Timestamp>,
    /// The invoice of the first period; `null` in free days.
    invoice: Option<Invoice>,
    #[serde(flatten)]
    quoted: Quoted,
}

/// What an order comes to: something to pay, or nothing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CheckoutAnswer {
    /// Something is to be paid.
    Started(Box<Checkout>),
    /// Nothing is to be paid now.
    Fulfilled(Box<Fulfilled>),
}

/// An order with nothing to pay now: its subscription runs already, or its free days do.
#[must_use]
pub fn fulfilled<'e>(
    placed: &Recorded,
    order: &OrderPlaced,
    events: impl Iterator<Item = &'e Recorded> + Clone,
) -> Fulfilled {
    let began = last(events.clone(), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::TrialStarted(started)) => {
            Some((started.subscription_id, SubscriptionStatus::Trialing, Some(started.period.end)))
        }
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionActivated(activated)) => {
            Some((activated.subscription_id, SubscriptionStatus::Active, None))
        }
        _ => None,
    });
    let issued = last(events, |event| match event {
        AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))
            if issued.order_id == Some(order.order_id) =>
        {
            Some(issued.clone())
        }
        _ => None,
    });
    let began = began.map(|(_, began)| began);
    Fulfilled {
        order: OrderRef { id: order.order_id, number: placed.number.clone() },
        order_id: (),
        plan_id: order.plan.plan_id,
        billing_cycle: order.plan.cycle,
        amount: amount(order.amount),
        currency: order.amount.currency(),
        status: began.map(|(_, status, _)| status),
        subscription_id: began.map(|(id, ..)| id),
        trial_ends_at: began.and_then(|(.., ends)| ends),
        invoice: issued.map(|(recorded, issued)| invoice(&recorded, &issued)),
        quoted: quoted(order),
    }
}

/// What a confirmed payment brought about.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Confirmed {
    /// That it is booked.
    status: Paid,
    /// The payment.
    payment: Option<Payment>,
    /// What it did to the subscription; `null` where nothing.
    subscription: Option<SubscriptionAfter>,
    /// The invoice that it paid; `null` where it became credit.
    invoice: Option<InvoiceAfter>,
    /// What of it became account credit; `null` where nothing.
    credit: Option<Amount>,
}

/// That a payment is booked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paid {
    /// It is.
    Paid,
}

/// A payment as it was booked.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The payment's id.
    id: PaymentId,
    /// The processor's id of the order.
    order_id: String,
    /// The processor's id of the payment.
    payment_id: String,
    /// How much came in.
    amount: Amount,
    /// The currency of the amount.
    currency: Currency,
}

/// What a payment did to a subscription: began it, changed its plan, or brought it back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SubscriptionAfter {
    /// The subscription's id.
    id: SubscriptionId,
    /// Where it stands.
    status: SubscriptionStatus,
    /// Whether it was overdue or suspended before.
    recovered: bool,
    #[serde(flatten)]
    runs: Option<Runs>,
}

/// What a subscription gives from a payment on; absent where the payment only brought it back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runs {
    /// The plan.
    plan: PlanHeld,
    /// How often it is billed.
    billing_cycle: Cycle,
    /// The first instant of the current period.
    current_period_start: Timestamp,
    /// The first instant after it.
    current_period_end: Timestamp,
}

/// The invoice that a payment paid: whole where the payment brought it about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum InvoiceAfter {
    /// Issued with the payment.
    Issued(Box<Invoice>),
    /// Issued before.
    Paid {
        /// The invoice's id.
        id: InvoiceId,
    },
}

/// What a confirmed payment brought about, by a pure function of its events.
#[must_use]
pub fn confirmed<'e>(events: impl Iterator<Item = &'e Recorded>) -> Confirmed {
    let mut body = Confirmed {
        status: Paid::Paid,
        payment: None,
        subscription: None,
        invoice: None,
        credit: None,
    };
    for recorded in events {
        match account_event(recorded) {
            Some(AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured))) => {
                body.payment = Some(payment(captured));
            }
            // What had fallen due before the payment is not the payment's doing.
            Some(_) if body.payment.is_none() => {}
            Some(AccountEvent::Subscription(event)) => {
                add_subscription(&mut body.subscription, event);
            }
            Some(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))) => {
                body.invoice = Some(InvoiceAfter::Issued(Box::new(invoice(recorded, issued))));
            }
            Some(AccountEvent::Invoice(InvoiceEvent::InvoicePaid(paid)))
                if body.invoice.is_none() =>
            {
                body.invoice = Some(InvoiceAfter::Paid { id: paid.invoice_id });
            }
            Some(AccountEvent::Credit(CreditEvent::CreditGranted(granted)))
                if matches!(granted.source, CreditSource::Overpayment { .. }) =>
            {
                body.credit = Some(amount(granted.amount));
            }
            _ => {}
        }
    }
    body
}

fn payment(captured: &PaymentCaptured) -> Payment {
    Payment {
        id: captured.payment_id,
        order_id: captured.processor_order_id.clone(),
        payment_id: captured.processor_payment_id.clone(),
        amount: amount(captured.amount),
        currency: captured.amount.currency(),
    }
}

/// What a payment did to the subscription: began it, changed its plan, or brought it back.
fn add_subscription(after: &mut Option<SubscriptionAfter>, event: &SubscriptionEvent) {
    let status = SubscriptionStatus::Active;
    match event {
        SubscriptionEvent::SubscriptionActivated(it) => *after = Some(activated(it)),
        SubscriptionEvent::PlanChanged(it) => *after = Some(changed(it)),
        SubscriptionEvent::SubscriptionRecovered(it) => {
            let id = it.subscription_id;
            *after = Some(SubscriptionAfter { id, status, recovered: true, runs: None });
        }
        // Out of suspension, with another invoice still overdue.
        SubscriptionEvent::FellPastDue(_) => {
            if let Some(after) = after {
                after.status = SubscriptionStatus::PastDue;
            }
        }
        _ => {}
    }
}

fn activated(activated: &SubscriptionActivated) -> SubscriptionAfter {
    SubscriptionAfter {
        id: activated.subscription_id,
        status: SubscriptionStatus::Active,
        recovered: false,
        runs: Some(Runs {
            plan: plan(&activated.plan),
            billing_cycle: activated.plan.cycle,
            current_period_start: activated.period.start,
            current_period_end: activated.period.end,
        }),
    }
}

fn changed(changed: &PlanChanged) -> SubscriptionAfter {
    SubscriptionAfter {
        id: changed.subscription_id,
        status: SubscriptionStatus::Active,
        recovered: false,
        runs: Some(Runs {
            plan: plan(&changed.to),
            billing_cycle: changed.to.cycle,
            current_period_start: changed.period.start,
            current_period_end: changed.period.end,
        }),
    }
}
