//! The processor dialect: subscription, checkout, plan change, cancel and resume, as
//! `/api/billing/…`. Amounts are strings in major units.

use std::sync::Arc;

use daybook_events::{
    Recorded, Rejection, StreamId,
    commands::{
        AmendSubscription, CancelSubscription, ChangePlan, ConfirmPayment, CustomiseLimits,
        PlaceOrder, ResumeSubscription, StartCheckout,
    },
    event::{
        AccountEvent, CheckoutStarted, CreditEvent, InvoiceEvent, Limits, OrderEvent, OrderPlaced,
        PaymentEvent, SubscriptionEvent,
    },
    ids::{AccountId, InvoiceId, OrderId, SubscriptionId},
    period::Cycle,
    store::{self, SubmitError},
};
use daybook_projections::{
    as_of,
    query::{self, Page},
    subscriptions::Subscriptions,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{answer::Answer, call::Call, error::ApiError, shapes};
use crate::app::App;

/// `GET /api/billing/subscription/me`
///
/// # Errors
/// No subscription.
pub async fn me(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account = call.account()?;
    let position = shown(&app, &call, Some(account)).await?;
    let page = Page { account: Some(&account.to_string()), after: None, limit: 200 };
    let rows = query::list::<Subscriptions>(app.pool(), &page).await?;
    // The newest one: ids are ordered by the instant at which they came about.
    let row = rows.last().ok_or_else(|| ApiError::from(Rejection::NoSubscription))?;
    Ok(Answer::ok(&shapes::subscription(row)).at(position))
}

/// `GET /api/billing/subscription`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account = call.account_if_any()?;
    let position = shown(&app, &call, account).await?;
    let (limit, after) = call.page()?;
    let account = account.map(|account| account.to_string());
    let page = Page { account: account.as_deref(), after: after.as_deref(), limit };
    let (rows, next) = query::list_with_next::<Subscriptions>(app.pool(), &page).await?;
    let shown: Vec<_> = rows.iter().map(shapes::subscription).collect();
    Ok(Answer::ok(&json!({ "data": shown, "next": next })).at(position))
}

/// `GET /api/billing/subscription/{id}`
///
/// # Errors
/// No such subscription within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = shown(&app, &call, None).await?;
    let row = row(&app, &call).await?;
    Ok(Answer::ok(&shapes::subscription(&row)).at(position))
}

async fn row(
    app: &Arc<App>,
    call: &Call,
) -> Result<daybook_projections::subscriptions::SubscriptionRow, ApiError> {
    let id: SubscriptionId = call.captured_id(0)?;
    let reach = call.account_if_any()?;
    query::get::<Subscriptions>(app.pool(), &id.to_string())
        .await?
        .filter(|row| reach.is_none_or(|account| row.account_id == account))
        .ok_or_else(ApiError::not_found)
}

/// What `PATCH /api/billing/subscription/{id}` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Patch {
    plan_id: Option<String>,
    billing_cycle: Option<String>,
    cancel_at_period_end: Option<bool>,
    limits: Option<Limits>,
    reason: Option<String>,
}

/// `PATCH /api/billing/subscription/{id}`: every change, or none.
///
/// # Errors
/// No such subscription, or the rejection of a change.
pub async fn patch(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    shown(&app, &call, None).await?;
    let patch: Patch = call.json()?;
    let row = row(&app, &call).await?;
    let account_id = row.account_id;
    let cycle = patch.billing_cycle.as_deref().map(cycle).transpose()?;
    let changes_plan = patch.plan_id.is_some() || cycle.is_some();
    let command = AmendSubscription {
        account_id,
        resume: (patch.cancel_at_period_end == Some(false))
            .then_some(ResumeSubscription { account_id }),
        change: changes_plan.then_some(ChangePlan {
            account_id,
            plan: patch.plan_id,
            cycle,
            price: None,
            at_period_end: false,
            preview: None,
        }),
        limits: patch.limits.map(|limits| CustomiseLimits { account_id, limits }),
        cancel: (patch.cancel_at_period_end == Some(true))
            .then_some(CancelSubscription { account_id, at_period_end: true }),
    };
    let receipt = app.submit(call.request_for("", command, patch.reason)?).await?;
    // As of the change, not as of now: a retry gets the same answer whatever came later.
    let mut events = store::stream(app.pool(), StreamId::Account(account_id)).await?;
    events.retain(|event| event.position <= receipt.position());
    let row = as_of::row::<Subscriptions>(&row.subscription_id.to_string(), &events)
        .map_err(|error| ApiError::internal(&error))?;
    let row = row.ok_or_else(|| ApiError::internal(&"a subscription without its events"))?;
    Ok(Answer::ok(&shapes::subscription(&row)).at(receipt.position()))
}

/// What `POST /api/billing/checkout` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CheckoutBody {
    plan_id: String,
    billing_cycle: String,
    coupon_code: Option<String>,
}

/// `POST /api/billing/checkout`: places an order, asks the processor, and returns what the client
/// SDK needs. An order with nothing to pay is fulfilled at once.
///
/// # Errors
/// The rejection of the order, or a processor that does not help.
pub async fn checkout(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CheckoutBody = call.json()?;
    let account_id = call.account()?;
    app.processor.ready()?;
    let (plan, cycle, coupon) = (body.plan_id, cycle(&body.billing_cycle)?, body.coupon_code);
    let command = PlaceOrder { account_id, plan, cycle, price: None, coupon };
    let receipt = app.submit(call.request(command)?).await?;
    let events = receipt.events.iter().map(AsRef::as_ref);
    let (placed, order) = order_placed(events.clone())
        .ok_or_else(|| ApiError::internal(&"an order without its event"))?;
    if order.amount.is_zero() {
        let invoice = shapes::find(events, |event| match event {
            AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) => Some(issued.clone()),
            _ => None,
        });
        let invoice = invoice.map(|(recorded, issued)| shapes::invoice(&recorded, &issued));
        let body = json!({
            "order": { "id": order.order_id, "number": placed.number },
            "orderId": Value::Null,
            "amount": shapes::amount(order.amount),
            "currency": order.amount.currency(),
            "status": "active",
            "invoice": invoice,
        });
        return Ok(Answer::ok(&body).at(receipt.position()));
    }
    let (started, position) = ensure_checkout(&app, &call, "/checkout", account_id, &order).await?;
    let number = placed.number.unwrap_or_default();
    Ok(Answer::ok(&shapes::checkout(&app, &order, &number, &started)).at(position))
}

fn order_placed<'e>(events: impl Iterator<Item = &'e Recorded>) -> Option<(Recorded, OrderPlaced)> {
    shapes::find(events, |event| match event {
        AccountEvent::Order(OrderEvent::OrderPlaced(placed)) => Some(placed.clone()),
        _ => None,
    })
}

/// The checkout of an order: asked of the processor and recorded, unless that has happened.
async fn ensure_checkout(
    app: &Arc<App>,
    call: &Call,
    step: &str,
    account_id: AccountId,
    order: &OrderPlaced,
) -> Result<(CheckoutStarted, i64), ApiError> {
    let processor_order_id = app.processor.create_order(order.order_id, order.amount)?;
    let command = StartCheckout {
        account_id,
        order_id: order.order_id,
        processor: app.processor.name().to_owned(),
        processor_order_id,
    };
    // A retry of the whole call meets this step's own key, and so the same answer.
    match app.submit(call.request_for(step, command, None)?).await {
        Ok(receipt) => {
            let events = receipt.events.iter().map(AsRef::as_ref);
            let started = shapes::find(events, |event| match event {
                AccountEvent::Order(OrderEvent::CheckoutStarted(started)) => Some(started.clone()),
                _ => None,
            });
            let (_, started) =
                started.ok_or_else(|| ApiError::internal(&"a checkout without its event"))?;
            Ok((started, receipt.position()))
        }
        Err(SubmitError::Rejected(Rejection::CheckoutAlreadyStarted { order })) => {
            let started = running_checkout(app, account_id, order).await?;
            Ok((started, app.settled(Some(account_id)).await))
        }
        Err(error) => Err(error.into()),
    }
}

async fn running_checkout(
    app: &Arc<App>,
    account_id: AccountId,
    order: OrderId,
) -> Result<CheckoutStarted, ApiError> {
    let started = app
        .ledger
        .look(Some(account_id), move |world| {
            let order = world.account(account_id)?.orders.get(order)?;
            order.checkout.as_deref().cloned()
        })
        .await?;
    started.ok_or_else(|| Rejection::OrderNotOpen { order }.into())
}

/// What `POST /api/billing/checkout/confirm` takes: what the processor's SDK returned.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ConfirmBody {
    payment_id: String,
    order_id: String,
    signature: String,
}

/// `POST /api/billing/checkout/confirm`: books the payment, if the processor's signature over the
/// *stored* order id says so.
///
/// # Errors
/// A wrong signature, an order of somebody else's, or the rejection.
pub async fn confirm(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ConfirmBody = call.json()?;
    let account_id = call.account()?;
    let given = body.order_id.clone();
    let stored = app
        .ledger
        .look(Some(account_id), move |world| {
            let account = world.account(account_id)?;
            account.orders.of_processor(&given).map(|_| given)
        })
        .await?;
    let stored = stored.ok_or_else(|| ApiError::from(Rejection::OrderUnknown))?;
    if body.payment_id.is_empty() || body.payment_id.len() > 200 {
        return Err(ApiError::new("invalid_request", "`paymentId` has 1 to 200 characters"));
    }
    if !app.processor.confirms(&stored, &body.payment_id, &body.signature) {
        let text = "the signature is not the processor's over this order and payment";
        return Err(ApiError::new("signature_invalid", text));
    }
    let command = ConfirmPayment {
        account_id,
        processor_order_id: stored,
        processor_payment_id: body.payment_id,
        amount: None,
    };
    let receipt = app.submit(call.request(command)?).await?;
    let body = confirmed(receipt.events.iter().map(AsRef::as_ref));
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// What a confirmed payment brought about, by a pure function of its events.
fn confirmed<'e>(events: impl Iterator<Item = &'e Recorded> + Clone) -> Value {
    let mut body = json!({
        "status": "paid", "payment": null, "subscription": null, "invoice": null, "credit": null,
    });
    for recorded in events {
        match shapes::account_event(recorded) {
            Some(AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured))) => {
                body["payment"] = json!({
                    "id": captured.payment_id,
                    "orderId": captured.processor_order_id,
                    "paymentId": captured.processor_payment_id,
                    "amount": shapes::amount(captured.amount),
                    "currency": captured.amount.currency(),
                });
            }
            Some(AccountEvent::Subscription(SubscriptionEvent::SubscriptionActivated(
                activated,
            ))) => {
                body["subscription"] = json!({
                    "id": activated.subscription_id,
                    "status": "active",
                    "plan": shapes::plan(&activated.plan),
                    "billingCycle": activated.plan.cycle,
                    "currentPeriodStart": activated.period.start,
                    "currentPeriodEnd": activated.period.end,
                });
            }
            Some(AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued))) => {
                body["invoice"] = shapes::invoice(recorded, issued);
            }
            Some(AccountEvent::Invoice(InvoiceEvent::InvoicePaid(paid)))
                if body["invoice"].is_null() =>
            {
                body["invoice"] = json!({ "id": paid.invoice_id });
            }
            Some(AccountEvent::Credit(CreditEvent::CreditGranted(granted))) => {
                body["credit"] = json!(shapes::amount(granted.amount));
            }
            _ => {}
        }
    }
    body
}

/// What `POST /api/billing/plan-change` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PlanChangeBody {
    plan_id: String,
    billing_cycle: Option<String>,
}

impl PlanChangeBody {
    fn command(self, account_id: AccountId) -> Result<ChangePlan, ApiError> {
        let cycle = self.billing_cycle.as_deref().map(cycle).transpose()?;
        Ok(ChangePlan {
            account_id,
            plan: Some(self.plan_id),
            cycle,
            price: None,
            at_period_end: false,
            preview: None,
        })
    }
}

/// `POST /api/billing/plan-change`: takes effect now; where something is due, the answer carries
/// the parameters of its checkout.
///
/// # Errors
/// The rejection.
pub async fn plan_change(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: PlanChangeBody = call.json()?;
    let account_id = call.account()?;
    app.processor.ready()?;
    let receipt = app.submit(call.request(body.command(account_id)?)?).await?;
    let events = receipt.events.iter().map(AsRef::as_ref);
    let mut body = shapes::plan_change(events.clone());
    let mut position = receipt.position();
    body["checkout"] = Value::Null;
    if let Some((placed, order)) = order_placed(events) {
        let (started, at) = ensure_checkout(&app, &call, "/checkout", account_id, &order).await?;
        let number = placed.number.unwrap_or_default();
        body["checkout"] = shapes::checkout(&app, &order, &number, &started);
        position = at;
    }
    Ok(Answer::ok(&body).at(position))
}

/// `POST /api/billing/plan-change/preview`: what the change would come to now, without making it.
///
/// # Errors
/// The rejection.
pub async fn preview(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: PlanChangeBody = call.json()?;
    let account_id = call.account()?;
    let events = app.ledger.preview(call.request(body.command(account_id)?)?).await?;
    let mut body = shapes::plan_change(events.iter());
    body["preview"] = json!(true);
    // The number would be assigned with the invoice; there is none yet.
    if body["invoice"].is_object() {
        body["invoice"]["number"] = Value::Null;
    }
    Ok(Answer::ok(&body))
}

/// What `POST /api/billing/cancel` takes; nothing at all means at period end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CancelBody {
    at_period_end: Option<bool>,
    reason: Option<String>,
}

/// `POST /api/billing/cancel`: deferred to period end by default.
///
/// # Errors
/// The rejection.
pub async fn cancel(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: CancelBody = call.json_or_empty()?;
    let account_id = call.account()?;
    let at_period_end = body.at_period_end.unwrap_or(true);
    let command = CancelSubscription { account_id, at_period_end };
    let receipt = app.submit(call.request_for("", command, body.reason)?).await?;
    let mut answer = json!({});
    for recorded in &receipt.events {
        match shapes::account_event(recorded) {
            Some(AccountEvent::Subscription(SubscriptionEvent::CancellationScheduled(
                scheduled,
            ))) => {
                answer = json!({
                    "subscriptionId": scheduled.subscription_id,
                    "status": "cancelling",
                    "cancelAtPeriodEnd": true,
                    "effectiveAt": scheduled.takes_effect_at,
                });
            }
            Some(AccountEvent::Subscription(SubscriptionEvent::SubscriptionEnded(ended))) => {
                answer = json!({
                    "subscriptionId": ended.subscription_id,
                    "status": "ended",
                    "cancelAtPeriodEnd": false,
                    "effectiveAt": ended.at,
                });
            }
            _ => {}
        }
    }
    Ok(Answer::ok(&answer).at(receipt.position()))
}

/// `POST /api/billing/resume`: re-activates within the same period.
///
/// # Errors
/// The rejection.
pub async fn resume(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let receipt = app.submit(call.request(ResumeSubscription { account_id })?).await?;
    let resumed = shapes::find(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionResumed(resumed)) => {
            Some(resumed.subscription_id)
        }
        _ => None,
    });
    let id = resumed.map(|(_, id)| id);
    let body = json!({ "subscriptionId": id, "status": "active", "cancelAtPeriodEnd": false });
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// A body without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoFields {}

/// `POST /api/billing/invoices/{id}/checkout`: what the client SDK needs to pay an open invoice,
/// such as that of a renewal.
///
/// # Errors
/// No such invoice, or nothing due on it.
pub async fn pay_invoice(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let invoice: InvoiceId = call.captured_id(0)?;
    let found = app
        .ledger
        .look(Some(account_id), move |world| {
            let account = world.account(account_id).ok_or(Rejection::InvoiceUnknown { invoice })?;
            account.invoices.get(invoice).ok_or(Rejection::InvoiceUnknown { invoice })?;
            let open = account.orders.open_for(invoice).next();
            let order = open.ok_or(Rejection::InvoiceNotOpen { invoice })?;
            let placed = OrderPlaced {
                order_id: order.id,
                purpose: order.purpose.clone(),
                plan: order.plan.clone(),
                amount: order.amount,
                expires_at: order.expires_at,
            };
            Ok::<_, Rejection>((placed, order.number.clone()))
        })
        .await?;
    let (order, number) = found?;
    // Its one step: it meets the caller's key under the name that every other call uses.
    let (started, position) = ensure_checkout(&app, &call, "", account_id, &order).await?;
    Ok(Answer::ok(&shapes::checkout(&app, &order, &number, &started)).at(position))
}

fn cycle(word: &str) -> Result<Cycle, ApiError> {
    Cycle::from_word(word).ok_or_else(|| {
        ApiError::new("billing_cycle_invalid", "`billingCycle` is `monthly` or `yearly`")
    })
}

/// Waits for what the caller has written, or for `?min_position=`; tells what is shown.
///
/// # Errors
/// A `min_position` that is no number, or that is not reached in time.
pub(super) async fn shown(
    app: &Arc<App>,
    call: &Call,
    account: Option<AccountId>,
) -> Result<i64, ApiError> {
    if let Some(text) = call.query.get("min_position") {
        let wanted = text.parse().map_err(|_| {
            ApiError::new("invalid_request", "`min_position` is a position of the log")
        })?;
        if !app.reaches(wanted).await {
            let text = format!("the projections have not come to position {wanted} yet");
            return Err(ApiError::new("position_not_reached", text));
        }
    }
    Ok(app.settled(account).await)
}
