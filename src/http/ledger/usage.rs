//! The ledger's own `/api/accounts/{id}/usage…`: what is used of a plan's limits.
//!
//! The panel counts, and sets room aside, by a key that runs the ledger: an account that counted
//! for itself could count as it pleased.

use std::{collections::BTreeSet, sync::Arc};

use daybook_events::{
    Rejection,
    commands::{ReleaseUsage, ReportUsage, ReserveUsage},
    event::{AccountEvent, UsageEvent},
    ids::{AccountId, ReservationId},
    store::SubmitError,
};
use daybook_projections::{
    accounts::Accounts,
    query::Reach,
    subscriptions::SubscriptionRow,
    usage::{Reserved, Usage, UsageRow},
};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::http::StatusCode;

use crate::app::App;
use crate::http::{
    answer::Answer,
    call::Call,
    error::ApiError,
    fields::NoFields,
    outcome,
    reading::{newest_subscription, reached, shown},
};

/// `GET /api/accounts/{id}/usage`
///
/// # Errors
/// No such account within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account = reached(&call)?;
    let position = shown(&app, &call, Reach::Account(account)).await?;
    let key = account.to_string();
    let rows = app.rows(Reach::Account(account));
    if rows.get::<Accounts>(&key).await?.is_none() {
        return Err(ApiError::not_found());
    }
    let usage = rows.get::<Usage>(&key).await?;
    let subscription = newest_subscription(&app, account).await?;
    let live = subscription.filter(|row| row.ended_at.is_none());
    Ok(Answer::ok(&shape(account, usage.as_ref(), live.as_ref())).at(position))
}

/// Every limit that the plan has or that something is counted of.
fn shape(account: AccountId, usage: Option<&UsageRow>, live: Option<&SubscriptionRow>) -> Value {
    let limits = live.map(|row| row.plan.limits.clone()).unwrap_or_default();
    let mut names: BTreeSet<&String> = limits.keys().collect();
    if let Some(usage) = usage {
        names.extend(usage.counted.keys());
        names.extend(usage.reserved.values().map(|reserved| &reserved.limit));
    }
    let limit = |name: &String| {
        let used = usage.and_then(|usage| usage.counted.get(name)).copied().unwrap_or(0);
        let taken = usage.map_or(0, |usage| usage.of(name));
        let allowed = limits.get(name);
        json!({
            "limit": name,
            "in_plan": allowed.is_some(),
            "allowed": allowed.copied().flatten(),
            "used": used,
            "reserved": taken.saturating_sub(used),
            "left": allowed.copied().flatten().map(|most| most.saturating_sub(taken)),
        })
    };
    let reservation = |(id, reserved): (&ReservationId, &Reserved)| json!({ "reservation_id": id, "limit": reserved.limit, "quantity": reserved.quantity });
    json!({
        "account_id": account,
        "subscription_id": live.map(|row| row.subscription_id),
        "plan": live.map(|row| &row.plan.slug),
        "limits": names.into_iter().map(limit).collect::<Vec<_>>(),
        "reservations": usage
            .map(|usage| usage.reserved.iter().map(reservation).collect::<Vec<_>>())
            .unwrap_or_default(),
    })
}

/// What `POST /api/accounts/{id}/usage` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportBody {
    limit: String,
    used: u64,
    settles: Option<ReservationId>,
}

/// `POST /api/accounts/{id}/usage`: so much is used, all in all.
///
/// # Errors
/// The rejection.
pub async fn report(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReportBody { limit, used, settles } = call.json()?;
    let body = json!({ "limit": limit, "used": used, "settles": settles });
    let command = ReportUsage { account_id, limit, used, settles };
    let receipt = app.submit(call.request(command)?).await?;
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// What `POST /api/accounts/{id}/usage/reservations` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReserveBody {
    limit: String,
    quantity: u64,
}

/// `POST /api/accounts/{id}/usage/reservations`: sets room aside before something is made.
///
/// # Errors
/// The rejection; where the limit is reached, with the plan that would suffice.
pub async fn reserve(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReserveBody { limit, quantity } = call.json()?;
    let command = ReserveUsage { account_id, limit, quantity };
    let receipt = app.submit(call.request(command)?).await.map_err(|error| refusal(&app, error))?;
    let reserved = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Usage(UsageEvent::UsageReserved(reserved)) => Some(reserved.clone()),
        _ => None,
    });
    let (_, reserved) =
        reserved.ok_or_else(|| ApiError::internal(&"a reservation without its event"))?;
    let taken = reserved.used_before.saturating_add(reserved.quantity);
    let body = json!({
        "reservation_id": reserved.reservation_id,
        "limit": reserved.limit,
        "quantity": reserved.quantity,
        "allowed": reserved.allowed,
        "left": reserved.allowed.map(|most| most.saturating_sub(taken)),
    });
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

/// The refusal of a reservation; one over the limit names the way up.
fn refusal(app: &App, error: SubmitError) -> ApiError {
    let SubmitError::Rejected(Rejection::PlanLimitExceeded { limit, allowed, upgrade, .. }) =
        &error
    else {
        return error.into();
    };
    let (limit, allowed, upgrade) = (limit.clone(), *allowed, upgrade.clone());
    let url = upgrade.as_ref().map(|plan| app.face.upgrade_to(plan));
    ApiError::from(error)
        .with("limit", limit)
        .with("allowed", allowed)
        .with("upgrade", upgrade)
        .with("upgrade_url", url)
}

/// `POST /api/accounts/{id}/usage/reservations/{reservation}/release`: nothing came of it.
///
/// # Errors
/// No such reservation.
pub async fn release(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let NoFields {} = call.json_or_empty()?;
    let reservation_id = call.captured_id(1)?;
    let command = ReleaseUsage { account_id, reservation_id };
    let receipt = app.submit(call.request(command)?).await?;
    let body = json!({ "reservation_id": reservation_id, "status": "released" });
    Ok(Answer::ok(&body).at(receipt.position()))
}
