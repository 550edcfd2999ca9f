//! Deliveries: one event on its way to one endpoint, with a log of its attempts.
//!
//! What is due is claimed for a while, so that several processes never send it at once, and one
//! that dies loses nothing: another sends it again. So each delivery arrives at least once.

use std::time::Duration;

use chrono::{DateTime, Utc};
use daybook_events::{
    Timestamp,
    ids::{DeliveryId, EndpointId},
};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool};

use super::{
    WebhookError,
    endpoint::{self, whose},
    schedule::{self, Came},
};

/// How long a claim holds: longer than any attempt takes.
const LEASE_SECONDS: i64 = 60;

/// How far a delivery has come.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
#[schemars(rename = "WebhookDeliveryStatus")]
pub enum Status {
    /// Still to be sent, or to be sent again
    Pending,
    /// The receiver has it
    Delivered,
    /// Nobody tries any more, unless it is resent
    GivenUp,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::GivenUp];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::GivenUp => "given_up",
        }
    }

    /// The status of a name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id: the `webhook-id` of every attempt.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// Which event; `None` is a test.
    pub position: Option<i64>,
    /// What was planned before of the same stream on this endpoint; 0 is none.
    pub previous_position: i64,
    /// What it tells, by the endpoint's format.
    pub type_name: String,
    /// How far it has come.
    pub status: Status,
    /// How many attempts there were.
    pub attempts: i32,
    /// When the next attempt is due.
    pub next_at: Option<Timestamp>,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When it got through, or was given up.
    pub finished_at: Option<Timestamp>,
    tries: i32,
    run_from: Timestamp,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "WebhookAttempt")]
pub struct Attempt {
    /// 1, 2, 3, …
    pub number: i32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The HTTP status; `null` where there was no answer.
    pub status: Option<i32>,
    /// Why there was no answer; `null` where there was one.
    pub problem: Option<String>,
    /// The beginning of the answer's body; `null` where there was no answer.
    pub answer: Option<String>,
}

#[derive(FromRow)]
struct Row {
    id: String,
    endpoint: String,
    position: Option<i64>,
    previous_position: i64,
    #[sqlx(rename = "type")]
    type_name: String,
    status: String,
    attempts: i32,
    tries: i32,
    run_from: DateTime<Utc>,
    next_at: Option<DateTime<Utc>>,
    planned_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Delivery {
    type Error = WebhookError;

    fn try_from(row: Row) -> Result<Self, WebhookError> {
        let damaged = || WebhookError::Damaged(row.id.clone());
        Ok(Self {
            id: row.id.parse().map_err(|_| damaged())?,
            endpoint: row.endpoint.parse().map_err(|_| damaged())?,
            position: row.position,
            previous_position: row.previous_position,
            type_name: row.type_name,
            status: Status::of(&row.status).ok_or(WebhookError::Damaged(row.id))?,
            attempts: row.attempts,
            next_at: row.next_at.map(Timestamp::new),
            planned_at: Timestamp::new(row.planned_at),
            finished_at: row.finished_at.map(Timestamp::new),
            tries: row.tries,
            run_from: Timestamp::new(row.run_from),
        })
    }
}

macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "select d.id, d.endpoint, d.position, d.previous_position, d.type, d.status,
                    d.attempts, d.tries, d.run_from, d.next_at, d.planned_at, d.finished_at
             from webhook_deliveries d ",
            $rest
        )
    };
}

/// What is to be sent.
#[derive(Debug, Clone)]
pub(super) struct NewDelivery<'a> {
    /// Where to.
    pub(super) endpoint: EndpointId,
    /// Which event; `None` is a test.
    pub(super) position: Option<i64>,
    /// The event's stream.
    pub(super) stream: &'a str,
    /// What it tells, by the endpoint's format.
    pub(super) type_name: &'a str,
}

/// Plans a delivery, due now, behind what was planned of the same stream before.
pub(super) async fn plan(
    connection: &mut PgConnection,
    id: DeliveryId,
    new: NewDelivery<'_>,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "insert into webhook_deliveries (id, endpoint, position, stream, previous_position, type,
                                         status, run_from, next_at, planned_at)
         select $1, $2, $3, $4,
                coalesce((select max(position) from webhook_deliveries
                          where endpoint = $2 and stream = $4), 0),
                $5, 'pending', $6, $6, $6",
    )
    .bind(id.to_string())
    .bind(new.endpoint.to_string())
    .bind(new.position)
    .bind(new.stream)
    .bind(new.type_name)
    .bind(now.utc())
    .execute(connection)
    .await?;
    Ok(())
}

/// Plans a test of an endpoint: one attempt, about no event.
///
/// # Errors
/// A database that cannot be reached.
pub async fn plan_test(
    connection: &mut PgConnection,
    id: DeliveryId,
    endpoint: EndpointId,
    now: Timestamp,
) -> Result<(), WebhookError> {
    let new = NewDelivery { endpoint, position: None, stream: "", type_name: super::TEST };
    plan(connection, id, new, now).await
}

/// The endpoints that something is due for.
pub(super) async fn due(
    executor: impl PgExecutor<'_>,
    now: Timestamp,
) -> Result<Vec<EndpointId>, WebhookError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select distinct d.endpoint
         from webhook_deliveries d join webhook_endpoints e on e.id = d.endpoint
         where d.status = 'pending' and d.next_at <= $1
           and (d.leased_until is null or d.leased_until <= $1)
           and (e.enabled or d.position is null)",
    )
    .bind(now.utc())
    .fetch_all(executor)
    .await?;
    Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
}

/// Claims what is due for an endpoint, at most `limit`. What was never tried waits for earlier ones
/// of its stream that were never tried; behind one that has failed once it goes its own way.
pub(super) async fn claim(
    executor: impl PgExecutor<'_>,
    endpoint: EndpointId,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Delivery>, WebhookError> {
    let rows: Vec<Row> = sqlx::query_as(
        "update webhook_deliveries d set leased_until = $3
         where id in (
             select c.id
             from webhook_deliveries c join webhook_endpoints e on e.id = c.endpoint
             where c.endpoint = $1 and c.status = 'pending' and c.next_at <= $2
               and (c.leased_until is null or c.leased_until <= $2)
               and (e.enabled or c.position is null)
               and not exists (
                   select from webhook_deliveries b
                   where b.endpoint = c.endpoint and b.stream = c.stream
                     and b.position < c.position and b.status = 'pending' and b.tries = 0)
             order by c.position nulls first limit $4
             for update of c skip locked)
         returning d.id, d.endpoint, d.position, d.previous_position, d.type, d.status,
                   d.attempts, d.tries, d.run_from, d.next_at, d.planned_at, d.finished_at",
    )
    .bind(endpoint.to_string())
    .bind(now.utc())
    .bind(now.plus_seconds(LEASE_SECONDS).utc())
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// Takes every claim back: whoever made them does not lead any more.
pub(super) async fn release(executor: impl PgExecutor<'_>) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_deliveries set leased_until = null
         where status = 'pending' and leased_until is not null",
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// What an attempt came to, to be written down.
#[derive(Debug, Clone)]
pub(super) struct Concluded {
    pub(super) came: Came,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) took: Duration,
    pub(super) status: Option<u16>,
    pub(super) problem: Option<String>,
    pub(super) answer: Option<String>,
    pub(super) jitter: i64,
}

/// Writes an attempt down, and what follows from it.
pub(super) async fn conclude(
    pool: &PgPool,
    delivery: &Delivery,
    concluded: Concluded,
) -> Result<(), WebhookError> {
    let mut tx = pool.begin().await?;
    // The endpoint first, as everywhere: two that lock both never wait for each other.
    let endpoint = endpoint::lock(&mut tx, Reach::Ledger, delivery.endpoint).await?;
    let row: Option<Row> = sqlx::query_as(select_deliveries!("where d.id = $1 for update"))
        .bind(delivery.id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
    // Removed meanwhile, with everything about it.
    let (Some(endpoint), Some(row)) = (endpoint, row) else { return Ok(()) };
    let delivery = Delivery::try_from(row)?;
    let number = delivery.attempts + 1;
    log(&mut tx, &delivery, number, &concluded).await?;
    // Where it was sent twice, the first to come back decides.
    if delivery.status == Status::Pending {
        follow(&mut tx, &endpoint, &delivery, &concluded).await?;
    }
    sqlx::query("update webhook_deliveries set attempts = $2, leased_until = null where id = $1")
        .bind(delivery.id.to_string())
        .bind(number)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(())
}

async fn log(
    connection: &mut PgConnection,
    delivery: &Delivery,
    number: i32,
    concluded: &Concluded,
) -> Result<(), WebhookError> {
    sqlx::query(
        "insert into webhook_attempts (delivery, number, at, duration_ms, status, problem, answer)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(delivery.id.to_string())
    .bind(number)
    .bind(concluded.began.utc())
    .bind(i64::try_from(concluded.took.as_millis()).unwrap_or(i64::MAX))
    .bind(concluded.status.map(i32::from))
    .bind(&concluded.problem)
    .bind(&concluded.answer)
    .execute(connection)
    .await?;
    Ok(())
}

/// What an attempt that counts brings about.
async fn follow(
    connection: &mut PgConnection,
    endpoint: &endpoint::Endpoint,
    delivery: &Delivery,
    concluded: &Concluded,
) -> Result<(), WebhookError> {
    let (id, now) = (endpoint.id, concluded.ended);
    let tries = delivery.tries + 1;
    let (status, next_at) = match concluded.came {
        Came::Through => {
            endpoint::got_through(connection, id, now).await?;
            (Status::Delivered, None)
        }
        Came::Gone => {
            let reason = "it answered 410: it wants no more webhooks";
            endpoint::disable(connection, id, reason, now).await?;
            (Status::GivenUp, None)
        }
        // A test is tried once.
        Came::Back(_) if delivery.position.is_none() => (Status::GivenUp, None),
        Came::Back(wanted) => {
            let tried = usize::try_from(tries).unwrap_or(usize::MAX);
            match schedule::next(tried, now, wanted, concluded.jitter) {
                Some(at) => (Status::Pending, Some(at)),
                None => {
                    if endpoint.delivered_at.is_none_or(|at| at < delivery.run_from) {
                        let reason = "nothing got through for about three days";
                        endpoint::disable(connection, id, reason, now).await?;
                    }
                    (Status::GivenUp, None)
                }
            }
        }
    };
    sqlx::query(
        "update webhook_deliveries
         set status = $2, next_at = $3, tries = $4, finished_at = $5 where id = $1",
    )
    .bind(delivery.id.to_string())
    .bind(status.as_str())
    .bind(next_at.map(Timestamp::utc))
    .bind(tries)
    .bind(next_at.is_none().then_some(now.utc()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Begins the schedule of a delivery anew, under the same id.
///
/// # Errors
/// A database that cannot be reached.
pub async fn resend(
    connection: &mut PgConnection,
    id: DeliveryId,
    now: Timestamp,
) -> Result<(), WebhookError> {
    sqlx::query(
        "update webhook_deliveries
         set status = 'pending', tries = 0, run_from = $2, next_at = $2, finished_at = null
         where id = $1",
    )
    .bind(id.to_string())
    .bind(now.utc())
    .execute(connection)
    .await?;
    Ok(())
}

/// A delivery of an endpoint within a reach.
///
/// # Errors
/// A database that cannot be reached.
pub async fn find(
    executor: impl PgExecutor<'_>,
    reach: Reach,
    id: DeliveryId,
) -> Result<Option<Delivery>, WebhookError> {
    let row: Option<Row> = sqlx::query_as(select_deliveries!(
        "join webhook_endpoints e on e.id = d.endpoint
         where d.id = $1 and ($2::text is null or e.account = $2)"
    ))
    .bind(id.to_string())
    .bind(whose(reach))
    .fetch_optional(executor)
    .await?;
    row.map(Delivery::try_from).transpose()
}

/// A page of an endpoint's deliveries, oldest first: all, or those of one status.
///
/// # Errors
/// A database that cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    endpoint: EndpointId,
    status: Option<Status>,
    after: &str,
    limit: i64,
) -> Result<Vec<Delivery>, WebhookError> {
    let rows: Vec<Row> = sqlx::query_as(select_deliveries!(
        "where d.endpoint = $1 and ($2::text is null or d.status = $2) and d.id > $3
         order by d.id limit $4"
    ))
    .bind(endpoint.to_string())
    .bind(status.map(Status::as_str))
    .bind(after)
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

#[derive(FromRow)]
struct AttemptRow {
    number: i32,
    at: DateTime<Utc>,
    duration_ms: i64,
    status: Option<i32>,
    problem: Option<String>,
    answer: Option<String>,
}

/// The attempts of a delivery, in order.
///
/// # Errors
/// A database that cannot be reached.
pub async fn attempts(
    executor: impl PgExecutor<'_>,
    id: DeliveryId,
) -> Result<Vec<Attempt>, WebhookError> {
    let rows: Vec<AttemptRow> = sqlx::query_as(
        "select number, at, duration_ms, status, problem, answer from webhook_attempts
         where delivery = $1 order by number",
    )
    .bind(id.to_string())
    .fetch_all(executor)
    .await?;
    let attempt = |row: AttemptRow| Attempt {
        number: row.number,
        at: Timestamp::new(row.at),
        duration_ms: row.duration_ms,
        status: row.status,
        problem: row.problem,
        answer: row.answer,
    };
    Ok(rows.into_iter().map(attempt).collect())
}
