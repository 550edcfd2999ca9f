//! `/api/v1/billing/subscription`: what the account has, cancelled and reactivated.

use std::{collections::BTreeMap, sync::Arc};

use daybook_events::{
    Event, Rejection, StreamId,
    commands::{CancelSubscription, ResumeSubscription},
    event::{AccountEvent, HeldPlan, PlanEvent, SubscriptionEvent},
    ids::{AccountId, SubscriptionId},
    store::Receipt,
};
use daybook_projections::{
    plans::Plans,
    query::Reach,
    subscriptions::{SubscriptionRow, SubscriptionStatus},
    usage::Usage,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::shapes::{Features, Instant, data, features, used_of};
use crate::{
    app::App,
    http::{
        answer::Answer,
        call::Call,
        error::ApiError,
        fields::NoFields,
        outcome,
        processor::at_processor,
        reading::{newest_subscription, shown, subscription_as_of},
    },
};

/// A subscription as this dialect shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Subscription")]
pub struct Subscription {
    id: SubscriptionId,
    /// The plan's slug.
    plan: String,
    status: SubscriptionStatus,
    current_period_start: Instant,
    current_period_end: Instant,
    /// What it gives: limits, `null` where unlimited, and the plan's flags.
    features: Features,
}

/// A subscription, and what is used of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Current")]
pub struct Current {
    #[serde(flatten)]
    subscription: Subscription,
    /// What is used of each limit, by what it counts: `servers` for `max_servers`.
    usage: BTreeMap<String, u64>,
}

/// `GET /api/v1/billing/subscription`: the newest, live or ended.
///
/// # Errors
/// There never was one.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (row, position) = newest(&app, &call).await?;
    Ok(data(shape(&app, &row).await?).at(position))
}

/// `GET /api/v1/billing/subscriptions/current`: the same, with what is used.
///
/// # Errors
/// There never was one.
pub async fn current(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (row, position) = newest(&app, &call).await?;
    let account = row.account_id;
    let counted = app.rows(Reach::Account(account)).get::<Usage>(&account.to_string()).await?;
    let counted = counted.map(|usage| usage.counted).unwrap_or_default();
    let (subscription, usage) = (shape(&app, &row).await?, used_of(&row.plan, &counted));
    Ok(data(Current { subscription, usage }).at(position))
}

async fn newest(app: &Arc<App>, call: &Call) -> Result<(SubscriptionRow, i64), ApiError> {
    let account = call.account()?;
    let position = shown(app, call, Reach::Account(account)).await?;
    let row = newest_subscription(app, account).await?;
    Ok((row.ok_or(Rejection::NoSubscription)?, position))
}

async fn shape(app: &App, row: &SubscriptionRow) -> Result<Subscription, ApiError> {
    let flags = flags_of(app, &row.plan).await?;
    Ok(Subscription {
        id: row.subscription_id,
        plan: row.plan.slug.clone(),
        status: row.status,
        current_period_start: Instant(row.period.start),
        current_period_end: Instant(row.period.end),
        features: features(&row.plan.limits, &flags),
    })
}

/// The flags of a plan as somebody holds it: those of its revision, whatever the plan says today.
async fn flags_of(app: &App, held: &HeldPlan) -> Result<BTreeMap<String, Value>, ApiError> {
    let plan = app.rows(Reach::Ledger).get::<Plans>(&held.plan_id.to_string()).await?;
    if let Some(plan) = plan.filter(|plan| plan.revision == held.revision) {
        return Ok(plan.terms.features);
    }
    let events = app.history(Reach::Ledger).of_everybody(StreamId::Plan(held.plan_id)).await?;
    let flags = events.iter().rev().find_map(|recorded| match &recorded.event {
        Event::Plan(PlanEvent::PlanPublished(it)) if held.revision == 1 => Some(&it.terms.features),
        Event::Plan(PlanEvent::PlanRevised(it)) if it.revision == held.revision => {
            Some(&it.terms.features)
        }
        Event::Plan(_) | Event::Account(_) | Event::Coupon(_) | Event::Access(_) => None,
        Event::Book(_) => None,
    });
    Ok(flags.cloned().unwrap_or_default())
}

/// `DELETE /api/v1/billing/subscription`: with its period, or now with `?immediately=true`.
///
/// # Errors
/// The rejection.
pub async fn cancel(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let at_period_end = match call.query.get("immediately").map(String::as_str) {
        None | Some("false") => true,
        Some("true") => false,
        Some(_) => {
            let text = "`immediately` is `true` or `false`";
            return Err(ApiError::new("invalid_request", text));
        }
    };
    let command = CancelSubscription { account_id, at_period_end };
    let receipt = app.submit(call.request(command)?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    answer(&app, account_id, &receipt, |event| match event {
        SubscriptionEvent::CancellationScheduled(it) => Some(it.subscription_id),
        SubscriptionEvent::SubscriptionEnded(it) => Some(it.subscription_id),
        _ => None,
    })
    .await
}

/// `POST /api/v1/billing/subscription/reactivate`: takes a cancellation back, inside its period.
///
/// # Errors
/// The rejection.
pub async fn reactivate(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let receipt = app.submit(call.request(ResumeSubscription { account_id })?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    answer(&app, account_id, &receipt, |event| match event {
        SubscriptionEvent::SubscriptionResumed(it) => Some(it.subscription_id),
        _ => None,
    })
    .await
}

/// The subscription that a command's newest event is about, as the command left it: what had
/// fallen due on the account may have ended an older one.
async fn answer(
    app: &App,
    account: AccountId,
    receipt: &Receipt,
    about: impl Fn(&SubscriptionEvent) -> Option<SubscriptionId>,
) -> Result<Answer, ApiError> {
    let found = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Subscription(event) => about(event),
        _ => None,
    });
    let (_, id) = found.ok_or_else(|| ApiError::internal(&"a change without its event"))?;
    let position = receipt.position();
    let row = subscription_as_of(app, account, id, position).await?;
    Ok(data(shape(app, &row).await?).at(position))
}
