//! The processor dialect's subscriptions: read, change by hand, cancel, resume.

use std::sync::Arc;

use daybook_events::{
    Rejection, Timestamp,
    commands::{
        AmendSubscription, CancelSubscription, ChangePlan, CustomiseLimits, ResumeSubscription,
    },
    event::{AccountEvent, Limits, SubscriptionEvent},
    ids::SubscriptionId,
    period::Cycle,
    store::SubmitError,
};
use daybook_projections::{
    as_of,
    query::{Page, Reach},
    subscriptions::{SubscriptionRow, SubscriptionStatus, Subscriptions},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    conditional,
    error::ApiError,
    fields::{NoFields, cycle},
    outcome, past,
    processor::{at_processor, shapes},
    reading::{listed, newest_subscription, shown, subscription_as_of},
};

/// `GET /api/billing/subscription/me`
///
/// # Errors
/// No subscription.
pub async fn me(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account = call.account()?;
    let position = shown(&app, &call, Reach::Account(account)).await?;
    if let Some(then) = past::of(&app, &call, account).await? {
        // Ids are ordered by the instant at which they came about.
        let newest = then.rows::<Subscriptions>()?.pop_last();
        let (_, row) = newest.ok_or_else(|| ApiError::from(Rejection::NoSubscription))?;
        return Ok(then.stamp(Answer::ok(&shapes::subscription(&row))));
    }
    let row = newest_subscription(&app, account).await?;
    let row = row.ok_or_else(|| ApiError::from(Rejection::NoSubscription))?;
    Ok(Answer::ok(&shapes::subscription(&row)).at(position))
}

/// `GET /api/billing/subscription`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).page::<Subscriptions>(&page).await?;
    let shown: Vec<_> = rows.iter().map(shapes::subscription).collect();
    Ok(listed(&call, shown, next).at(position))
}

/// `GET /api/billing/subscription/{id}`
///
/// # Errors
/// No such subscription within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = shown(&app, &call, call.reach()?).await?;
    let row = row(&app, &call).await?;
    if let Some(then) = past::of(&app, &call, row.account_id).await? {
        let row = then.rows::<Subscriptions>()?.remove(&row.subscription_id.to_string());
        let row = row.ok_or_else(ApiError::not_found)?;
        return Ok(then.stamp(Answer::ok(&shapes::subscription(&row))));
    }
    Ok(Answer::ok(&shapes::subscription(&row)).at(position))
}

async fn row(app: &Arc<App>, call: &Call) -> Result<SubscriptionRow, ApiError> {
    let id: SubscriptionId = call.captured_id(0)?;
    let row = app.rows(call.reach()?).get::<Subscriptions>(&id.to_string()).await?;
    row.ok_or_else(ApiError::not_found)
}

/// What `PATCH /api/billing/subscription/{id}` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "SubscriptionPatch")]
pub struct Patch {
    /// Another plan: its id, number or slug.
    plan_id: Option<String>,
    /// Another cycle.
    #[schemars(with = "Option<Cycle>")]
    billing_cycle: Option<String>,
    /// Whether it ends with its period.
    cancel_at_period_end: Option<bool>,
    /// Limits of its own, until its plan changes.
    limits: Option<Limits>,
    /// Why, for the log.
    reason: Option<String>,
}

/// The version of the account that a change must meet: that of the state which the caller insists
/// on by `If-Match`. Where that is not the state any more, it is one that no account has, so that a
/// repeated request is still answered by its key.
async fn insisted(
    app: &Arc<App>,
    call: &Call,
    row: &SubscriptionRow,
) -> Result<Option<i64>, ApiError> {
    const NEVER: i64 = -1;
    if !call.headers.contains_key("if-match") {
        return Ok(None);
    }
    let account = row.account_id;
    let events = app.history(Reach::Account(account)).of_account(account).await?;
    let current = as_of::row::<Subscriptions>(&row.subscription_id.to_string(), &events);
    let current = current.map_err(|error| ApiError::internal(&error))?;
    let current = current.ok_or_else(ApiError::not_found)?;
    let tag = Answer::ok(&shapes::subscription(&current)).tag().unwrap_or_default();
    let version = events.last().map_or(0, |event| event.version);
    let met = conditional::matches(&call.headers, &tag);
    Ok(met.map(|met| if met { version } else { NEVER }))
}

/// `PATCH /api/billing/subscription/{id}`: every change, or none.
///
/// # Errors
/// No such subscription, one that has changed since `If-Match` saw it, or the rejection of a change.
pub async fn patch(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    shown(&app, &call, call.reach()?).await?;
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
    let mut request = call.request_for("", command, patch.reason)?;
    request.expected_version = insisted(&app, &call, &row).await?;
    let receipt = app.submit(request).await.map_err(|error| match error {
        SubmitError::VersionConflict { .. } => conditional::moved_on(),
        other => other.into(),
    })?;
    at_processor::push(&app, account_id, &receipt).await?;
    let position = receipt.position();
    let row = subscription_as_of(&app, account_id, row.subscription_id, position).await?;
    Ok(Answer::ok(&shapes::subscription(&row)).at(position))
}

/// What `POST /api/billing/cancel` takes; nothing at all means at period end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CancelBody {
    /// Whether it runs on to the end of its period; it does by default.
    at_period_end: Option<bool>,
    /// Why, for the log.
    reason: Option<String>,
}

/// A cancellation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cancelled {
    /// Which subscription.
    subscription_id: SubscriptionId,
    /// Where it stands; one that is overdue stays so until it is paid.
    status: SubscriptionStatus,
    /// Whether it runs on to the end of its period.
    cancel_at_period_end: bool,
    /// The instant at which it ends.
    effective_at: Timestamp,
}

/// A cancellation taken back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resumed {
    /// Which subscription.
    subscription_id: SubscriptionId,
    /// Where it stands.
    status: SubscriptionStatus,
    /// That it does not end with its period.
    cancel_at_period_end: bool,
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
    at_processor::push(&app, account_id, &receipt).await?;
    // The newest: what had fallen due on the account may have ended an older subscription.
    let ending = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::CancellationScheduled(it)) => {
            Some((it.subscription_id, true, it.takes_effect_at))
        }
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionEnded(it)) => {
            Some((it.subscription_id, false, it.at))
        }
        _ => None,
    });
    let (_, (subscription_id, cancel_at_period_end, effective_at)) =
        ending.ok_or_else(|| ApiError::internal(&"a cancellation without its event"))?;
    // One that is overdue stays so until it is paid.
    let row = subscription_as_of(&app, account_id, subscription_id, receipt.position()).await?;
    let status = if cancel_at_period_end { row.status } else { SubscriptionStatus::Ended };
    let body = Cancelled { subscription_id, status, cancel_at_period_end, effective_at };
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// `POST /api/billing/resume`: re-activates within the same period.
///
/// # Errors
/// The rejection.
pub async fn resume(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let account_id = call.account()?;
    let receipt = app.submit(call.request(ResumeSubscription { account_id })?).await?;
    at_processor::push(&app, account_id, &receipt).await?;
    let resumed = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Subscription(SubscriptionEvent::SubscriptionResumed(resumed)) => {
            Some(resumed.subscription_id)
        }
        _ => None,
    });
    let (_, subscription_id) =
        resumed.ok_or_else(|| ApiError::internal(&"a resume without its event"))?;
    let row = subscription_as_of(&app, account_id, subscription_id, receipt.position()).await?;
    let body = Resumed { subscription_id, status: row.status, cancel_at_period_end: false };
    Ok(Answer::ok(&body).at(receipt.position()))
}
