//! The ledger's own `/api/webhooks…`: where webhooks go, and what became of them.
//!
//! Endpoints and deliveries are operational: nothing here appends to the log. An endpoint's secret
//! is shown in the answers that make or rotate it and nowhere else.

use std::sync::Arc;

use daybook_events::{
    Timestamp,
    ids::{AccountId, DeliveryId, EndpointId, Id},
    store,
};
use daybook_projections::accounts::Accounts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;
use warp::http::StatusCode;

use crate::http::{
    answer::Answer,
    call::{Call, scope},
    error::ApiError,
    fields::NoFields,
    reading::listed,
};
use crate::{
    app::App,
    webhooks::{
        delivery::{self, Attempt, Delivery, Status},
        endpoint::{self, Changes, Endpoint, Format, NewEndpoint},
        message,
        requests::{self, Known},
    },
};

/// How long the secret before signs too where nothing else is said, in seconds: a day.
const OVERLAP_SECONDS: u32 = 86_400;
/// How long it signs at most: thirty days.
const OVERLAP_MAX: u32 = 30 * 86_400;
/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 200;

/// What `POST /api/webhooks/endpoints` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookEndpointBody", example = serde_json::json!({ "url": "https://panel.example/hooks", "format": "standard" }))]
pub struct EndpointBody {
    /// Where webhooks go: an http or https URL on the public internet.
    url: String,
    /// What its receiver understands.
    format: Format,
    /// The types that it wants; all of its format where it is absent or empty.
    #[serde(default)]
    events: Vec<String>,
    /// What people call it, at most 200 characters.
    #[serde(default)]
    description: String,
}

/// What `PATCH /api/webhooks/endpoints/{id}` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookEndpointPatch")]
pub struct EndpointPatch {
    /// Where webhooks go.
    url: Option<String>,
    /// The types that it wants; all of its format where it is empty.
    events: Option<Vec<String>>,
    /// What people call it.
    description: Option<String>,
    /// Whether anything is sent; enabled again, what happened meanwhile is sent.
    enabled: Option<bool>,
}

/// What `POST /api/webhooks/endpoints/{id}/rotate-secret` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WebhookRotateBody")]
pub struct RotateSecretBody {
    /// How long the old secret signs too, in seconds: a day by default, thirty at most.
    overlap_seconds: Option<u32>,
}

/// An endpoint, without its secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpoint")]
pub struct EndpointShape {
    /// Its id.
    endpoint_id: EndpointId,
    /// The one account that it hears of; `null` hears the whole ledger.
    account_id: Option<AccountId>,
    /// Where webhooks go.
    url: String,
    /// What its receiver understands.
    format: Format,
    /// The types that it wants; none is all of its format.
    events: Vec<String>,
    /// What people call it.
    description: String,
    /// Whether anything is sent.
    enabled: bool,
    /// Why it is disabled; `null` where it is not.
    disabled_reason: Option<String>,
    /// When it was disabled; `null` where it is not.
    disabled_at: Option<Timestamp>,
    /// When a delivery last got through; `null` where none did.
    delivered_at: Option<Timestamp>,
    /// Until when the secret before the newest signs too; `null` where there is none.
    secret_before_until: Option<Timestamp>,
    /// Everything up to this position of the log is planned.
    planned_to: i64,
    /// When it was made.
    created_at: Timestamp,
}

/// An endpoint with its newest secret.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpointWithSecret")]
pub struct EndpointWithSecret {
    #[serde(flatten)]
    endpoint: EndpointShape,
    /// The newest secret, shown in this answer and nowhere else.
    secret: String,
}

/// An endpoint that was removed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpointRemoved")]
pub struct EndpointRemoved {
    /// Its id.
    removed: EndpointId,
}

/// A delivery.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub struct DeliveryShape {
    /// Its id: the `webhook-id` of every attempt.
    delivery_id: DeliveryId,
    /// Where it goes.
    endpoint_id: EndpointId,
    /// The position of the event that it tells; `null` for a test.
    position: Option<i64>,
    /// What this endpoint was told before of the same account or plan; 0 is nothing.
    previous_position: i64,
    /// What it tells, by the endpoint's format.
    #[serde(rename = "type")]
    type_name: String,
    /// How far it has come.
    status: Status,
    /// How many attempts there were.
    attempts: i32,
    /// When the next attempt is due; `null` where there is none.
    next_at: Option<Timestamp>,
    /// When it was planned.
    planned_at: Timestamp,
    /// When it got through or was given up; `null` before.
    finished_at: Option<Timestamp>,
}

/// A delivery with what is sent, and with its attempts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDeliveryInFull")]
pub struct DeliveryInFull {
    #[serde(flatten)]
    delivery: DeliveryShape,
    /// What is sent.
    body: Value,
    /// Its attempts, in order.
    log: Vec<Attempt>,
}

impl From<Endpoint> for EndpointShape {
    fn from(it: Endpoint) -> Self {
        Self {
            endpoint_id: it.id,
            account_id: it.account,
            secret_before_until: it.secret_before_until,
            url: it.url,
            format: it.format,
            events: it.events,
            description: it.description,
            enabled: it.enabled,
            disabled_reason: it.disabled_reason,
            disabled_at: it.disabled_at,
            delivered_at: it.delivered_at,
            planned_to: it.planned_to,
            created_at: it.created_at,
        }
    }
}

impl From<Endpoint> for EndpointWithSecret {
    fn from(it: Endpoint) -> Self {
        Self { secret: it.reveal().to_owned(), endpoint: it.into() }
    }
}

impl From<Delivery> for DeliveryShape {
    fn from(it: Delivery) -> Self {
        Self {
            delivery_id: it.id,
            endpoint_id: it.endpoint,
            position: it.position,
            previous_position: it.previous_position,
            type_name: it.type_name,
            status: it.status,
            attempts: it.attempts,
            next_at: it.next_at,
            planned_at: it.planned_at,
            finished_at: it.finished_at,
        }
    }
}

/// The URL of an endpoint as it is kept.
fn url(app: &App, text: &str) -> Result<String, ApiError> {
    let url = app.outbound.url(text);
    let url = url.map_err(|error| ApiError::new("webhook_url_refused", error.to_string()))?;
    Ok(url.to_string())
}

/// The types that an endpoint asks for, each once.
fn types(format: Format, mut wanted: Vec<String>) -> Result<Vec<String>, ApiError> {
    let known = format.types();
    if let Some(other) = wanted.iter().find(|wanted| !known.contains(&wanted.as_str())) {
        let shown: String = other.chars().take(60).collect();
        let text = format!("no webhook of this format has the type `{shown}`");
        return Err(ApiError::new("webhook_type_unknown", text));
    }
    wanted.sort_unstable();
    wanted.dedup();
    Ok(wanted)
}

fn description(text: String) -> Result<String, ApiError> {
    if text.chars().count() > DESCRIPTION_MAX || text.chars().any(char::is_control) {
        let text =
            format!("`description` has at most {DESCRIPTION_MAX} characters, none of control");
        return Err(ApiError::new("invalid_request", text));
    }
    Ok(text)
}

/// Takes the caller's idempotency key for what is about an id, unless that was done.
async fn once(
    connection: &mut PgConnection,
    call: &Call,
    made: &impl ToString,
) -> Result<Known, ApiError> {
    let key = call.idempotency_key()?.map(|mut key| {
        key.scope = call.account_if_any().map(scope)?;
        Ok::<_, ApiError>(key)
    });
    let key = key.transpose()?;
    Ok(requests::take(connection, key.as_ref(), &made.to_string()).await?)
}

/// The id of what a request that is repeated made.
fn done<T: std::str::FromStr>(made: &str) -> Result<T, ApiError> {
    made.parse().map_err(|_| ApiError::internal(&"a request without what it made"))
}

/// The endpoint in the path, locked, if the caller reaches it: a foreign one looks like a missing
/// one.
async fn locked(connection: &mut PgConnection, call: &Call) -> Result<Endpoint, ApiError> {
    let id: EndpointId = call.captured_id(0)?;
    let found = endpoint::lock(connection, call.reach()?, id).await?;
    found.ok_or_else(ApiError::not_found)
}

async fn found(
    connection: &mut PgConnection,
    call: &Call,
    id: EndpointId,
) -> Result<Endpoint, ApiError> {
    let found = endpoint::find(connection, call.reach()?, id).await?;
    found.ok_or_else(ApiError::not_found)
}

/// `GET /api/webhooks/endpoints`
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limit, after) = call.page()?;
    let after = after.unwrap_or_default();
    let found = endpoint::page(app.pool(), call.reach()?, &after, limit).await?;
    let full = i64::try_from(found.len()) == Ok(limit);
    let next = found.last().filter(|_| full).map(|last| last.id.to_string());
    let shown: Vec<_> = found.into_iter().map(EndpointShape::from).collect();
    Ok(listed(&call, shown, next))
}

/// `POST /api/webhooks/endpoints`: it hears what comes from now on.
///
/// # Errors
/// A URL that may not be called, a type that its format has not, no such account.
pub async fn create(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: EndpointBody = call.json()?;
    let (account, reach) = (call.account_if_any()?, call.reach()?);
    if let Some(account) = account
        && app.rows(reach).get::<Accounts>(&account.to_string()).await?.is_none()
    {
        return Err(ApiError::not_found());
    }
    let new = NewEndpoint {
        account,
        url: url(&app, &body.url)?,
        format: body.format,
        events: types(body.format, body.events)?,
        description: description(body.description)?,
    };
    let mut tx = app.pool().begin().await?;
    let mut id = EndpointId::from_uuid(Uuid::now_v7());
    match once(&mut tx, &call, &id).await? {
        Known::Done(made) => id = done(&made)?,
        Known::New => {
            let position = store::head(&mut *tx).await?.position;
            endpoint::create(&mut tx, id, new, position, now(&app)).await?;
        }
    }
    let made = EndpointWithSecret::from(found(&mut tx, &call, id).await?);
    tx.commit().await?;
    Ok(Answer::json(StatusCode::CREATED, &made))
}

/// `GET /api/webhooks/endpoints/{id}`
///
/// # Errors
/// No such endpoint within the caller's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: EndpointId = call.captured_id(0)?;
    let found = endpoint::find(app.pool(), call.reach()?, id).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&EndpointShape::from(found)))
}

/// `PATCH /api/webhooks/endpoints/{id}`
///
/// # Errors
/// No such endpoint within the caller's reach, a URL that may not be called, an unknown type.
pub async fn patch(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: EndpointPatch = call.json()?;
    let mut tx = app.pool().begin().await?;
    let own = locked(&mut tx, &call).await?;
    let changes = Changes {
        url: body.url.map(|text| url(&app, &text)).transpose()?,
        events: body.events.map(|wanted| types(own.format, wanted)).transpose()?,
        description: body.description.map(description).transpose()?,
        enabled: body.enabled,
    };
    if once(&mut tx, &call, &own.id).await? == Known::New {
        endpoint::change(&mut tx, own.id, changes, now(&app)).await?;
    }
    let changed = EndpointShape::from(found(&mut tx, &call, own.id).await?);
    tx.commit().await?;
    Ok(Answer::ok(&changed))
}

/// `DELETE /api/webhooks/endpoints/{id}`: its deliveries go with it.
///
/// # Errors
/// No such endpoint within the caller's reach.
pub async fn remove(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: EndpointId = call.captured_id(0)?;
    let mut tx = app.pool().begin().await?;
    if once(&mut tx, &call, &id).await? == Known::New {
        locked(&mut tx, &call).await?;
        endpoint::remove(&mut tx, id).await?;
    }
    tx.commit().await?;
    Ok(Answer::ok(&EndpointRemoved { removed: id }))
}

/// `POST /api/webhooks/endpoints/{id}/rotate-secret`
///
/// # Errors
/// No such endpoint within the caller's reach, an overlap out of range.
pub async fn rotate_secret(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: RotateSecretBody = call.json_or_empty()?;
    let overlap = body.overlap_seconds.unwrap_or(OVERLAP_SECONDS);
    if overlap > OVERLAP_MAX {
        let text = format!("`overlap_seconds` is at most {OVERLAP_MAX}, which is thirty days");
        return Err(ApiError::new("invalid_request", text));
    }
    let mut tx = app.pool().begin().await?;
    let own = locked(&mut tx, &call).await?;
    if once(&mut tx, &call, &own.id).await? == Known::New {
        let until = now(&app).plus_seconds(i64::from(overlap));
        endpoint::rotate(&mut tx, &own, until).await?;
    }
    let rotated = EndpointWithSecret::from(found(&mut tx, &call, own.id).await?);
    tx.commit().await?;
    Ok(Answer::ok(&rotated))
}

/// `POST /api/webhooks/endpoints/{id}/test`: sent once, even where the endpoint is disabled.
///
/// # Errors
/// No such endpoint within the caller's reach.
pub async fn test(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let mut tx = app.pool().begin().await?;
    let own = locked(&mut tx, &call).await?;
    let mut id = DeliveryId::from_uuid(Uuid::now_v7());
    match once(&mut tx, &call, &id).await? {
        Known::Done(made) => id = done(&made)?,
        Known::New => delivery::plan_test(&mut tx, id, own.id, now(&app)).await?,
    }
    let planned = delivery::find(&mut *tx, call.reach()?, id).await?;
    tx.commit().await?;
    accepted(planned)
}

/// `GET /api/webhooks/endpoints/{id}/deliveries`
///
/// # Errors
/// No such endpoint within the caller's reach, a page out of range, an unknown status.
pub async fn deliveries(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: EndpointId = call.captured_id(0)?;
    let (limit, after) = call.page()?;
    let status = status(&call)?;
    let own = endpoint::find(app.pool(), call.reach()?, id).await?;
    let own = own.ok_or_else(ApiError::not_found)?;
    let after = after.unwrap_or_default();
    let found = delivery::page(app.pool(), own.id, status, &after, limit).await?;
    let full = i64::try_from(found.len()) == Ok(limit);
    let next = found.last().filter(|_| full).map(|last| last.id.to_string());
    let shown: Vec<_> = found.into_iter().map(DeliveryShape::from).collect();
    Ok(listed(&call, shown, next))
}

/// `GET /api/webhooks/deliveries/{id}`
///
/// # Errors
/// No such delivery within the caller's reach.
pub async fn delivery(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (id, reach) = (call.captured_id(0)?, call.reach()?);
    let found = delivery::find(app.pool(), reach, id).await?.ok_or_else(ApiError::not_found)?;
    let own = endpoint::find(app.pool(), reach, found.endpoint).await?;
    let own = own.ok_or_else(ApiError::not_found)?;
    let body = message::body(&app, &own, &found).await?;
    let body = serde_json::from_slice(&body).map_err(|error| ApiError::internal(&error))?;
    let log = delivery::attempts(app.pool(), id).await?;
    Ok(Answer::ok(&DeliveryInFull { delivery: found.into(), body, log }))
}

/// `POST /api/webhooks/deliveries/{id}/resend`: its schedule begins anew, under the same id.
///
/// # Errors
/// No such delivery within the caller's reach, an endpoint that is disabled.
pub async fn resend(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let (id, reach): (DeliveryId, _) = (call.captured_id(0)?, call.reach()?);
    let mut tx = app.pool().begin().await?;
    let planned = delivery::find(&mut *tx, reach, id).await?.ok_or_else(ApiError::not_found)?;
    let own = endpoint::lock(&mut tx, reach, planned.endpoint).await?;
    let own = own.ok_or_else(ApiError::not_found)?;
    if once(&mut tx, &call, &id).await? == Known::New {
        if !own.enabled && planned.position.is_some() {
            let text = "the endpoint is disabled: enable it first";
            return Err(ApiError::new("webhook_endpoint_disabled", text));
        }
        delivery::resend(&mut tx, id, now(&app)).await?;
    }
    let planned = delivery::find(&mut *tx, reach, id).await?;
    tx.commit().await?;
    accepted(planned)
}

/// What is sent soon.
fn accepted(planned: Option<Delivery>) -> Result<Answer, ApiError> {
    let planned = planned.ok_or_else(ApiError::not_found)?;
    Ok(Answer::json(StatusCode::ACCEPTED, &DeliveryShape::from(planned)))
}

fn status(call: &Call) -> Result<Option<Status>, ApiError> {
    let Some(asked) = call.query.get("status") else { return Ok(None) };
    let text = "`status` is pending, delivered or given_up";
    Status::of(asked).map(Some).ok_or_else(|| ApiError::new("invalid_request", text))
}

/// The present instant, by the clock that the schedule goes by: never a sandbox ledger's own.
fn now(app: &App) -> Timestamp {
    app.ledger.clock().now()
}
