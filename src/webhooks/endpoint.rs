//! Endpoints: where webhooks go, kept in a table of their own and not in the log, since a secret
//! must be readable to sign with it.

use chrono::{DateTime, Utc};
use data_encoding::{BASE64, HEXLOWER};
use daybook_events::{
    Timestamp,
    ids::{AccountId, EndpointId},
};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgExecutor};

use super::{WebhookError, interest, v1};
use crate::signing::Secret;

/// How webhooks look and how they are signed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "WebhookFormat")]
pub enum Format {
    /// Standard Webhooks 1.0.0, for every type of event that is of interest
    Standard,
    /// The four webhooks of the v1 dialect
    V1,
}

impl Format {
    fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::V1 => "v1",
        }
    }

    /// The types that an endpoint of this format may ask for.
    #[must_use]
    pub fn types(self) -> Vec<&'static str> {
        match self {
            Self::Standard => interest::types().collect(),
            Self::V1 => v1::NAMES.to_vec(),
        }
    }

    fn new_secret(self) -> String {
        let bytes = rand::random::<[u8; 32]>();
        match self {
            Self::Standard => format!("whsec_{}", BASE64.encode(&bytes)),
            Self::V1 => HEXLOWER.encode(&bytes),
        }
    }

    fn key(self, secret: &str) -> Option<Secret> {
        match self {
            Self::Standard => Secret::of_standard_webhooks(secret),
            Self::V1 => Some(Secret::new(secret)),
        }
    }
}

/// An endpoint. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The one account that it hears of; `None` hears the whole ledger.
    pub account: Option<AccountId>,
    /// Where it is.
    pub url: String,
    /// What it understands.
    pub format: Format,
    /// The types that it wants; none is all of them.
    pub events: Vec<String>,
    /// What people call it.
    pub description: String,
    /// Whether anything is sent to it.
    pub enabled: bool,
    /// Why it was disabled, where it is.
    pub disabled_reason: Option<String>,
    /// When it was disabled, where it is.
    pub disabled_at: Option<Timestamp>,
    /// When a delivery last got through.
    pub delivered_at: Option<Timestamp>,
    /// Everything up to this position is planned.
    pub planned_to: i64,
    /// When it was made.
    pub created_at: Timestamp,
    secret: String,
    secret_before: Option<String>,
    /// Until when the secret before signs too, while one is being rotated.
    pub secret_before_until: Option<Timestamp>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// Whose events it hears.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach::of(self.account)
    }

    /// Whether it wants a type.
    #[must_use]
    pub fn wants(&self, type_name: &str) -> bool {
        self.events.is_empty() || self.events.iter().any(|wanted| wanted == type_name)
    }

    /// The newest secret, as its receiver has to know it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.secret
    }

    /// The secrets that sign at an instant, the newest first.
    #[must_use]
    pub fn secrets(&self, now: Timestamp) -> Vec<Secret> {
        let before = self.secret_before.as_deref();
        let before = before.filter(|_| self.secret_before_until.is_some_and(|until| now < until));
        let both = [Some(self.secret.as_str()), before].into_iter().flatten();
        both.filter_map(|secret| self.format.key(secret)).collect()
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    account: Option<String>,
    url: String,
    format: String,
    events: Vec<String>,
    description: String,
    secret: String,
    secret_before: Option<String>,
    secret_before_until: Option<DateTime<Utc>>,
    enabled: bool,
    disabled_reason: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    delivered_at: Option<DateTime<Utc>>,
    planned_to: i64,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Endpoint {
    type Error = WebhookError;

    fn try_from(row: Row) -> Result<Self, WebhookError> {
        let damaged = || WebhookError::Damaged(row.id.clone());
        Ok(Self {
            id: row.id.parse().map_err(|_| damaged())?,
            account: row.account.map(|id| id.parse()).transpose().map_err(|_| damaged())?,
            url: row.url,
            format: if row.format == "v1" { Format::V1 } else { Format::Standard },
            events: row.events,
            description: row.description,
            enabled: row.enabled,
            disabled_reason: row.disabled_reason,
            disabled_at: row.disabled_at.map(Timestamp::new),
            delivered_at: row.delivered_at.map(Timestamp::new),
            planned_to: row.planned_to,
            created_at: Timestamp::new(row.created_at),
            secret: row.secret,
            secret_before: row.secret_before,
            secret_before_until: row.secret_before_until.map(Timestamp::new),
        })
    }
}

macro_rules! select_endpoints {
    ($rest:literal) => {
        concat!(
            "select id, account, url, format, events, description, secret, secret_before,
                    secret_before_until, enabled, disabled_reason, disabled_at, delivered_at,
                    planned_to, created_at
             from webhook_endpoints ",
            $rest
        )
    };
}

/// The account of a reach, as statements compare it; `None` is all of them.
pub(super) fn whose(reach: Reach) -> Option<String> {
    match reach {
        Reach::Ledger => None,
        Reach::Account(id) => Some(id.to_string()),
    }
}

/// What a new endpoint is to be.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// The one account that it hears of; `None` hears the whole ledger.
    pub account: Option<AccountId>,
    /// Where it is; checked before.
    pub url: String,
    /// What it understands.
    pub format: Format,
    /// The types that it wants; checked before.
    pub events: Vec<String>,
    /// What people call it.
    pub description: String,
}

/// Makes an endpoint, which hears everything after a position.
///
/// # Errors
/// A database that cannot be reached.
pub async fn create(
    connection: &mut PgConnection,
    id: EndpointId,
    new: NewEndpoint,
    position: i64,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "insert into webhook_endpoints
             (id, account, url, format, events, description, secret, planned_to, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id.to_string())
    .bind(new.account.map(|id| id.to_string()))
    .bind(new.url)
    .bind(new.format.as_str())
    .bind(new.events)
    .bind(new.description)
    .bind(new.format.new_secret())
    .bind(position)
    .bind(now.utc())
    .execute(connection)
    .await?;
    Ok(())
}

/// An endpoint within a reach.
///
/// # Errors
/// A database that cannot be reached.
pub async fn find(
    executor: impl PgExecutor<'_>,
    reach: Reach,
    id: EndpointId,
) -> Result<Option<Endpoint>, WebhookError> {
    let row: Option<Row> =
        sqlx::query_as(select_endpoints!("where id = $1 and ($2::text is null or account = $2)"))
            .bind(id.to_string())
            .bind(whose(reach))
            .fetch_optional(executor)
            .await?;
    row.map(Endpoint::try_from).transpose()
}

/// As [`find`], and nobody else changes it until the transaction ends.
///
/// # Errors
/// A database that cannot be reached.
pub async fn lock(
    connection: &mut PgConnection,
    reach: Reach,
    id: EndpointId,
) -> Result<Option<Endpoint>, WebhookError> {
    let row: Option<Row> = sqlx::query_as(select_endpoints!(
        "where id = $1 and ($2::text is null or account = $2) for no key update"
    ))
    .bind(id.to_string())
    .bind(whose(reach))
    .fetch_optional(connection)
    .await?;
    row.map(Endpoint::try_from).transpose()
}

/// A page of the endpoints within a reach, oldest first.
///
/// # Errors
/// A database that cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    reach: Reach,
    after: &str,
    limit: i64,
) -> Result<Vec<Endpoint>, WebhookError> {
    let rows: Vec<Row> = sqlx::query_as(select_endpoints!(
        "where id > $1 and ($2::text is null or account = $2) order by id limit $3"
    ))
    .bind(after)
    .bind(whose(reach))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Endpoint::try_from).collect()
}

/// The endpoints for which something up to a position is not planned yet.
///
/// # Errors
/// A database that cannot be reached.
pub(super) async fn behind(
    executor: impl PgExecutor<'_>,
    position: i64,
) -> Result<Vec<EndpointId>, WebhookError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select id from webhook_endpoints where enabled and planned_to < $1 order by id",
    )
    .bind(position)
    .fetch_all(executor)
    .await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// What is to be different about an endpoint; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Where it is; checked before.
    pub url: Option<String>,
    /// The types that it wants; checked before.
    pub events: Option<Vec<String>>,
    /// What people call it.
    pub description: Option<String>,
    /// Whether anything is sent to it.
    pub enabled: Option<bool>,
}

/// Changes an endpoint. Enabled again, it is sent what happened meanwhile, and what was still to be
/// sent is due now.
///
/// # Errors
/// A database that cannot be reached.
pub async fn change(
    connection: &mut PgConnection,
    id: EndpointId,
    changes: Changes,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_endpoints
         set url = coalesce($2, url), events = coalesce($3, events),
             description = coalesce($4, description)
         where id = $1",
    )
    .bind(id.to_string())
    .bind(changes.url)
    .bind(changes.events)
    .bind(changes.description)
    .execute(&mut *connection)
    .await?;
    match changes.enabled {
        None => Ok(()),
        Some(false) => disable(connection, id, "somebody disabled it", now).await,
        Some(true) => enable(connection, id, now).await,
    }
}

/// Sends nothing more to an endpoint; one that is disabled keeps its reason.
pub(super) async fn disable(
    connection: &mut PgConnection,
    id: EndpointId,
    reason: &str,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_endpoints set enabled = false, disabled_reason = $2, disabled_at = $3
         where id = $1 and enabled",
    )
    .bind(id.to_string())
    .bind(reason)
    .bind(now.utc())
    .execute(connection)
    .await?;
    Ok(())
}

async fn enable(
    connection: &mut PgConnection,
    id: EndpointId,
    now: Timestamp,
) -> Result<(), WebhookError> {
    let enabled = sqlx::query(
        "update webhook_endpoints set enabled = true, disabled_reason = null, disabled_at = null
         where id = $1 and not enabled",
    )
    .bind(id.to_string())
    .execute(&mut *connection)
    .await?;
    if enabled.rows_affected() > 0 {
        sqlx::query(
            "update webhook_deliveries set tries = 0, run_from = $2, next_at = $2
             where endpoint = $1 and status = 'pending'",
        )
        .bind(id.to_string())
        .bind(now.utc())
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// Gives an endpoint a new secret; the one before signs too until an instant.
///
/// # Errors
/// A database that cannot be reached.
pub async fn rotate(
    connection: &mut PgConnection,
    endpoint: &Endpoint,
    until: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_endpoints
         set secret_before = secret, secret_before_until = $3, secret = $2 where id = $1",
    )
    .bind(endpoint.id.to_string())
    .bind(endpoint.format.new_secret())
    .bind(until.utc())
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes an endpoint, with its deliveries and their attempts.
///
/// # Errors
/// A database that cannot be reached.
pub async fn remove(connection: &mut PgConnection, id: EndpointId) -> Result<(), WebhookError> {
    sqlx::query("delete from webhook_endpoints where id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a delivery got through.
pub(super) async fn got_through(
    connection: &mut PgConnection,
    id: EndpointId,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_endpoints set delivered_at = greatest(delivered_at, $2) where id = $1",
    )
    .bind(id.to_string())
    .bind(now.utc())
    .execute(connection)
    .await?;
    Ok(())
}

/// Moves an endpoint's cursor, in the transaction that plans what it passes.
pub(super) async fn planned(
    connection: &mut PgConnection,
    id: EndpointId,
    position: i64,
) -> Result<(), WebhookError> {
    sqlx::query("update webhook_endpoints set planned_to = $2 where id = $1")
        .bind(id.to_string())
        .bind(position)
        .execute(connection)
        .await?;
    Ok(())
}
