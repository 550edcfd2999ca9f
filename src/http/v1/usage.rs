//! `/api/v1/usage`: what is used of a plan's limits, counted and set aside by the panel.
//!
//! Counting takes a key that runs the ledger, with `Daybook-Account`, as everywhere: an account
//! that counted for itself could count as it pleased.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use daybook_events::{
    Rejection,
    commands::{ReleaseUsage, ReportUsage, ReserveUsage},
    event::Limits,
    ids::ReservationId,
    store::SubmitError,
};
use daybook_projections::{
    query::Reach,
    usage::{Usage, UsageRow},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use warp::http::StatusCode;

use super::shapes::{created, data, thing};
use crate::{
    app::App,
    http::{
        answer::Answer,
        call::Call,
        error::ApiError,
        fields::NoFields,
        ledger::usage::set_aside,
        reading::{newest_subscription, shown},
    },
};

/// What is used of one limit.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Used")]
pub struct Used {
    /// What the panel counted last.
    used: u64,
    /// What is set aside besides.
    reserved: u64,
}

/// One limit, and what is used of it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Quota")]
pub struct Quota {
    /// What the plan allows; `null` is unlimited.
    allowed: Option<u64>,
    #[serde(flatten)]
    used: Used,
    /// What is left; `null` is unlimited.
    left: Option<u64>,
}

/// `GET /api/v1/usage`: by limit, of the plan's limits and of what else was counted.
///
/// # Errors
/// A database that cannot be reached.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limits, usage, position) = standing(&app, &call).await?;
    let mut names: BTreeSet<String> = limits.into_keys().collect();
    names.extend(usage.counted.keys().cloned());
    names.extend(usage.reserved.values().map(|reserved| reserved.limit.clone()));
    let used = names.into_iter().map(|name| {
        let used = used(&usage, &name);
        (name, used)
    });
    Ok(data(used.collect::<BTreeMap<_, _>>()).at(position))
}

/// `GET /api/v1/usage/quotas`: by limit of the live subscription.
///
/// # Errors
/// A database that cannot be reached.
pub async fn quotas(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limits, usage, position) = standing(&app, &call).await?;
    let quotas = limits.into_iter().map(|(name, allowed)| {
        let left = allowed.map(|most| most.saturating_sub(usage.of(&name)));
        let quota = Quota { allowed, used: used(&usage, &name), left };
        (name, quota)
    });
    Ok(data(quotas.collect::<BTreeMap<_, _>>()).at(position))
}

fn used(usage: &UsageRow, name: &str) -> Used {
    let used = usage.counted.get(name).copied().unwrap_or(0);
    Used { used, reserved: usage.of(name).saturating_sub(used) }
}

/// The limits of the live subscription, and what is used.
async fn standing(app: &Arc<App>, call: &Call) -> Result<(Limits, UsageRow, i64), ApiError> {
    let account_id = call.account()?;
    let reach = Reach::Account(account_id);
    let position = shown(app, call, reach).await?;
    let usage = app.rows(reach).get::<Usage>(&account_id.to_string()).await?;
    let (counted, reserved) = (BTreeMap::new(), BTreeMap::new());
    let usage = usage.unwrap_or(UsageRow { position: 0, account_id, counted, reserved });
    let subscription = newest_subscription(app, account_id).await?;
    let live = subscription.filter(|row| row.ended_at.is_none());
    Ok((live.map(|row| row.plan.limits).unwrap_or_default(), usage, position))
}

/// What `POST /api/v1/usage` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "V1ReportBody")]
pub struct ReportBody {
    /// A limit's name, such as `max_servers`.
    limit: String,
    /// How much is used, all in all.
    used: u64,
    /// The reservation that this count contains now.
    settles: Option<ReservationId>,
}

/// A count that was taken in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Reported")]
pub struct Reported {
    limit: String,
    used: u64,
    settles: Option<ReservationId>,
}

/// `POST /api/v1/usage`: so much is used, all in all.
///
/// # Errors
/// The rejection.
pub async fn report(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let ReportBody { limit, used, settles } = call.json()?;
    let account_id = call.account()?;
    let command = ReportUsage { account_id, limit: limit.clone(), used, settles };
    let receipt = app.submit(call.request(command)?).await?;
    Ok(data(Reported { limit, used, settles }).at(receipt.position()))
}

/// What `POST /api/v1/usage/reservations` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "V1ReserveBody")]
pub struct ReserveBody {
    /// A limit's name, such as `max_servers`.
    limit: String,
    /// How much room.
    quantity: u64,
}

/// Room that was set aside.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Reservation")]
pub struct Reservation {
    id: ReservationId,
    limit: String,
    quantity: u64,
    /// What the plan allows; `null` is unlimited.
    allowed: Option<u64>,
    /// What is left after this; `null` is unlimited.
    left: Option<u64>,
}

/// `POST /api/v1/usage/reservations`: sets room aside before something is made.
///
/// # Errors
/// `plan_limit_exceeded`, 403, where the plan does not allow it; another rejection.
pub async fn reserve(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let ReserveBody { limit, quantity } = call.json()?;
    let command = ReserveUsage { account_id: call.account()?, limit, quantity };
    let receipt = app.submit(call.request(command)?).await.map_err(|error| refusal(&app, error))?;
    let (reserved, left) = set_aside(&receipt)?;
    let made = Reservation {
        id: reserved.reservation_id,
        left,
        limit: reserved.limit,
        quantity: reserved.quantity,
        allowed: reserved.allowed,
    };
    Ok(created(made).at(receipt.position()))
}

/// The refusal of a reservation; one over the limit is worded as the dialect's page has it, with
/// those three fields and no other.
fn refusal(app: &App, error: SubmitError) -> ApiError {
    let SubmitError::Rejected(Rejection::PlanLimitExceeded { limit, allowed, plan, upgrade }) =
        &error
    else {
        return error.into();
    };
    let thing = thing(limit).replace('_', " ");
    let message = format!("Maximum {thing} ({allowed}) reached for {plan} plan");
    let url = upgrade.as_ref().map(|plan| app.face.upgrade_to(plan));
    let refusal = ApiError { status: StatusCode::FORBIDDEN, message, ..ApiError::from(error) };
    refusal.with("upgrade_url", url)
}

/// Room that was given back.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Released")]
pub struct Released {
    id: ReservationId,
    /// Always `released`.
    status: &'static str,
}

/// `POST /api/v1/usage/reservations/{id}/release`: nothing came of it.
///
/// # Errors
/// No such reservation.
pub async fn release(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let reservation_id = call.captured_id(0)?;
    let command = ReleaseUsage { account_id: call.account()?, reservation_id };
    let receipt = app.submit(call.request(command)?).await?;
    Ok(data(Released { id: reservation_id, status: "released" }).at(receipt.position()))
}
