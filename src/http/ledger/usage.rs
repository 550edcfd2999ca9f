//! The ledger's own `/api/accounts/{id}/usage…`: what is used of a plan's limits.
//!
//! The panel counts, and sets room aside, by a key that runs the ledger: an account that counted
//! for itself could count as it pleased.

use std::{collections::BTreeSet, sync::Arc};

use daybook_events::{
    Rejection,
    commands::{ReleaseUsage, ReportUsage, ReserveUsage},
    event::{AccountEvent, UsageEvent, UsageReserved},
    ids::{AccountId, ReservationId, SubscriptionId},
    store::{Receipt, SubmitError},
};
use daybook_projections::{
    accounts::Accounts,
    query::Reach,
    subscriptions::SubscriptionRow,
    usage::{Reserved, Usage, UsageRow},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
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

/// What is used of the plan's limits.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AccountUsage {
    /// Whose usage.
    account_id: AccountId,
    /// The live subscription; `null` without one.
    subscription_id: Option<SubscriptionId>,
    /// The slug of its plan; `null` without one.
    plan: Option<String>,
    /// Every limit that the plan has or that something is counted of.
    limits: Vec<LimitUsage>,
    /// The room that is set aside.
    reservations: Vec<Reservation>,
}

/// What is used of a limit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LimitUsage {
    /// The limit's name.
    limit: String,
    /// Whether the plan has it.
    in_plan: bool,
    /// How much the plan allows; `null` is no limit, or that the plan does not have it.
    allowed: Option<u64>,
    /// What the panel counted last.
    used: u64,
    /// What is set aside.
    reserved: u64,
    /// What is left; `null` where nothing limits it.
    left: Option<u64>,
}

/// Room that is set aside.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reservation {
    /// The reservation's id.
    reservation_id: ReservationId,
    /// Under which limit.
    limit: String,
    /// How much.
    quantity: u64,
}

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
fn shape(
    account_id: AccountId,
    usage: Option<&UsageRow>,
    live: Option<&SubscriptionRow>,
) -> AccountUsage {
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
        LimitUsage {
            limit: name.clone(),
            in_plan: allowed.is_some(),
            allowed: allowed.copied().flatten(),
            used,
            reserved: taken.saturating_sub(used),
            left: allowed.copied().flatten().map(|most| most.saturating_sub(taken)),
        }
    };
    let reservation = |(id, reserved): (&ReservationId, &Reserved)| Reservation {
        reservation_id: *id,
        limit: reserved.limit.clone(),
        quantity: reserved.quantity,
    };
    AccountUsage {
        account_id,
        subscription_id: live.map(|row| row.subscription_id),
        plan: live.map(|row| row.plan.slug.clone()),
        limits: names.into_iter().map(limit).collect(),
        reservations: usage
            .map(|usage| usage.reserved.iter().map(reservation).collect())
            .unwrap_or_default(),
    }
}

/// What `POST /api/accounts/{id}/usage` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    /// The limit's name.
    limit: String,
    /// How much of it is used, all in all.
    used: u64,
    /// The reservation that the count holds now.
    settles: Option<ReservationId>,
}

/// What was reported.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reported {
    /// The limit's name.
    limit: String,
    /// How much of it is used, all in all.
    used: u64,
    /// The reservation that the count holds now; `null` for none.
    settles: Option<ReservationId>,
}

/// `POST /api/accounts/{id}/usage`: so much is used, all in all.
///
/// # Errors
/// The rejection.
pub async fn report(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let account_id = reached(&call)?;
    let ReportBody { limit, used, settles } = call.json()?;
    let body = Reported { limit: limit.clone(), used, settles };
    let command = ReportUsage { account_id, limit, used, settles };
    let receipt = app.submit(call.request(command)?).await?;
    Ok(Answer::ok(&body).at(receipt.position()))
}

/// What `POST /api/accounts/{id}/usage/reservations` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// The limit's name.
    limit: String,
    /// How much.
    quantity: u64,
}

/// Room that was set aside.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoomSetAside {
    /// The reservation's id.
    reservation_id: ReservationId,
    /// Under which limit.
    limit: String,
    /// How much.
    quantity: u64,
    /// How much the plan allows; `null` is no limit.
    allowed: Option<u64>,
    /// What is left; `null` where nothing limits it.
    left: Option<u64>,
}

/// Room that was given back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoomReleased {
    /// The reservation's id.
    reservation_id: ReservationId,
    /// What became of it: `released`.
    #[schemars(example = &"released")]
    status: String,
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
    let (reserved, left) = set_aside(&receipt)?;
    let body = RoomSetAside {
        reservation_id: reserved.reservation_id,
        limit: reserved.limit,
        quantity: reserved.quantity,
        allowed: reserved.allowed,
        left,
    };
    Ok(Answer::json(StatusCode::CREATED, &body).at(receipt.position()))
}

/// What a reservation set aside, and what is left after it; `None` where nothing limits it.
///
/// # Errors
/// A reservation without its event.
pub(in crate::http) fn set_aside(
    receipt: &Receipt,
) -> Result<(UsageReserved, Option<u64>), ApiError> {
    let reserved = outcome::last(receipt.events.iter().map(AsRef::as_ref), |event| match event {
        AccountEvent::Usage(UsageEvent::UsageReserved(reserved)) => Some(reserved.clone()),
        _ => None,
    });
    let (_, reserved) =
        reserved.ok_or_else(|| ApiError::internal(&"a reservation without its event"))?;
    let taken = reserved.used_before.saturating_add(reserved.quantity);
    let left = reserved.allowed.map(|most| most.saturating_sub(taken));
    Ok((reserved, left))
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
    let body = RoomReleased { reservation_id, status: "released".to_owned() };
    Ok(Answer::ok(&body).at(receipt.position()))
}
