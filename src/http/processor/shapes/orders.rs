//! Orders in the processor dialect: a checkout, an order fulfilled at once, a confirmed payment.

use daybook_events::{
    Recorded,
    event::{
        AccountEvent, CheckoutStarted, CreditEvent, CreditSource, InvoiceEvent, OrderPlaced,
        OrderPurpose, PaymentCaptured, PaymentEvent, PlanChanged, Quote, SubscriptionActivated,
        SubscriptionEvent,
    },
};
use serde_json::{Value, json};

use super::{amount, discount, invoice, plan, totals};
use crate::{
    app::App,
    http::outcome::{account_event, last},
};

/// What a client needs to take the payment of a checkout: ours, and beside it the parameters that
/// Razorpay's SDK takes, verbatim.
#[must_use]
pub fn checkout(app: &App, order: &OrderPlaced, number: &str, started: &CheckoutStarted) -> Value {
    let id = &started.processor_order_id;
    let mut body = json!({
        "order": { "id": order.order_id, "number": number },
        "orderId": id,
        "planId": order.plan.plan_id,
        "billingCycle": order.plan.cycle,
        "amount": amount(started.amount),
        "currency": started.amount.currency(),
        "expiresAt": order.expires_at,
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
    });
    add_quote(&mut body, order);
    body
}

/// What an order's amount comes from: the quote of a new subscription; an order for an invoice
/// asks for what is due on it, which the invoice explains.
fn add_quote(body: &mut Value, order: &OrderPlaced) {
    let quoted: Option<&Quote> = match &order.purpose {
        OrderPurpose::Subscribe { quote } => Some(quote),
        OrderPurpose::PayInvoice { .. } | OrderPurpose::ChangePlan => None,
    };
    let credit = quoted
        .filter(|quote| quote.trial_days == 0)
        .and_then(|quote| quote.totals.total.minus(order.amount).ok());
    body["totals"] = json!(quoted.map(|quote| totals(&quote.totals, &quote.tax)));
    body["discount"] = json!(quoted.and_then(|quote| quote.discount.as_ref()).map(discount));
    body["creditApplied"] = json!(credit.map(amount));
}

/// An order with nothing to pay now: its subscription runs already, or its free days do.
#[must_use]
pub fn fulfilled<'e>(
    placed: &Recorded,
    order: &OrderPlaced,
    events: impl Iterator<Item = &'e Recorded> + Clone,
) -> Value {
    let began = last(events.clone(), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::TrialStarted(started)) => {
            Some((started.subscription_id, "trialing", Some(started.period.end)))
        }
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionActivated(activated)) => {
            Some((activated.subscription_id, "active", None))
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
    let mut body = json!({
        "order": { "id": order.order_id, "number": placed.number },
        "orderId": null,
        "planId": order.plan.plan_id,
        "billingCycle": order.plan.cycle,
        "amount": amount(order.amount),
        "currency": order.amount.currency(),
        "status": began.map(|(_, status, _)| status),
        "subscriptionId": began.map(|(id, ..)| id),
        "trialEndsAt": began.and_then(|(.., ends)| ends),
        "invoice": issued.map(|(recorded, issued)| invoice(&recorded, &issued)),
    });
    add_quote(&mut body, order);
    body
}

/// What a confirmed payment brought about, by a pure function of its events.
#[must_use]
pub fn confirmed<'e>(events: impl Iterator<Item = &'e Recorded>) -> Value {
    let mut body = json!({
        "status": "paid", "payment": null, "subscription": null, "invoice": null, "credit": null,
    });
    for recorded in events {
        match account_event(recorded) {
            Some(AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured))) => {
                body["payment"] = payment(captured);
            }
            // What had fallen due before the payment is not the payment's doing.
            Some(_) if body["payment"].is_null() => {}
            Some(AccountEvent::Subscription(event)) => add_subscription(&mut body, event),
            Some(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))) => {
                body["invoice"] = invoice(recorded, issued);
            }
            Some(AccountEvent::Invoice(InvoiceEvent::InvoicePaid(paid)))
                if body["invoice"].is_null() =>
            {
                body["invoice"] = json!({ "id": paid.invoice_id });
            }
            Some(AccountEvent::Credit(CreditEvent::CreditGranted(granted)))
                if matches!(granted.source, CreditSource::Overpayment { .. }) =>
            {
                body["credit"] = json!(amount(granted.amount));
            }
            _ => {}
        }
    }
    body
}

fn payment(captured: &PaymentCaptured) -> Value {
    json!({
        "id": captured.payment_id,
        "orderId": captured.processor_order_id,
        "paymentId": captured.processor_payment_id,
        "amount": amount(captured.amount),
        "currency": captured.amount.currency(),
    })
}

/// What a payment did to the subscription: began it, changed its plan, or brought it back.
fn add_subscription(body: &mut Value, event: &SubscriptionEvent) {
    match event {
        SubscriptionEvent::SubscriptionActivated(it) => body["subscription"] = activated(it),
        SubscriptionEvent::PlanChanged(it) => body["subscription"] = changed(it),
        SubscriptionEvent::SubscriptionRecovered(it) => {
            body["subscription"] =
                json!({ "id": it.subscription_id, "status": "active", "recovered": true });
        }
        // Out of suspension, with another invoice still overdue.
        SubscriptionEvent::FellPastDue(_) if body["subscription"].is_object() => {
            body["subscription"]["status"] = json!("past_due");
        }
        _ => {}
    }
}

fn activated(activated: &SubscriptionActivated) -> Value {
    json!({
        "id": activated.subscription_id,
        "status": "active",
        "recovered": false,
        "plan": plan(&activated.plan),
        "billingCycle": activated.plan.cycle,
        "currentPeriodStart": activated.period.start,
        "currentPeriodEnd": activated.period.end,
    })
}

fn changed(changed: &PlanChanged) -> Value {
    json!({
        "id": changed.subscription_id,
        "status": "active",
        "recovered": false,
        "plan": plan(&changed.to),
        "billingCycle": changed.to.cycle,
        "currentPeriodStart": changed.period.start,
        "currentPeriodEnd": changed.period.end,
    })
}
