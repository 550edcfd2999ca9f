//! Reapplying a plan's limits: asked once, answered at once, then worked through in the background,
//! subscriber by subscriber, with progress, across restarts.
//!
//! The request is an event of the plan, so a crash before the job is written down loses nothing:
//! the job is made from the plan again. Each step is a command that changes nothing twice.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_events::{
    Event, Rejection,
    commands::ReapplyLimitsTo,
    event::{PlanEvent, PlanLimitsReapplied},
    ids::{PlanId, ReapplicationId},
    store::{Request, SubmitError},
};
use daybook_projections::{
    plans::PlanReapplication as Asked,
    query::Reach,
    subscriptions::{SubscriptionRow, Subscriptions},
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::SchedulerError;
use crate::app::{App, system_origin};

/// How many subscribers are worked through between two notes of the progress.
const PAGE: i64 = 200;
/// How many of them wait in the appender's queue at once.
const ABREAST: usize = 32;
const KIND: &str = "reapply_limits";

/// What a job is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Spec {
    plan_id: PlanId,
    force: bool,
}

/// A reapplication and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Reapplication {
    /// Its id.
    pub reapplication_id: String,
    /// Whose limits.
    pub plan_id: PlanId,
    /// Whether subscribers with limits of their own lose them.
    pub force: bool,
    /// How many subscribers there were when it was asked.
    pub total: i64,
    /// How many have got the plan's limits.
    pub changed: i64,
    /// How many keep theirs: customised, the same already, or gone meanwhile.
    pub skipped: i64,
    /// Since when it is done; `null` while it goes on.
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Job {
    id: String,
    spec: Json<Spec>,
    total: i64,
    changed: i64,
    skipped: i64,
    cursor: String,
    finished_at: Option<DateTime<Utc>>,
}

impl From<Job> for Reapplication {
    fn from(job: Job) -> Self {
        let Json(Spec { plan_id, force }) = job.spec;
        Self {
            reapplication_id: job.id,
            plan_id,
            force,
            total: job.total,
            changed: job.changed,
            skipped: job.skipped,
            finished_at: job.finished_at,
        }
    }
}

macro_rules! select_jobs {
    ($rest:literal) => {
        concat!("select id, spec, total, changed, skipped, cursor, finished_at from jobs ", $rest)
    };
}

/// Asks that a plan's limits reach its subscribers, and answers at once.
///
/// # Errors
/// The rejection, or a database that cannot be reached.
pub async fn ask(app: &Arc<App>, request: Request) -> Result<(Reapplication, i64), SchedulerError> {
    let receipt = app.submit(request).await?;
    let asked = receipt.events.iter().find_map(|recorded| match &recorded.event {
        Event::Plan(PlanEvent::PlanLimitsReapplied(asked)) => Some(asked.clone()),
        _other => None,
    });
    let asked = asked.ok_or(SubmitError::OutcomeUnknown)?;
    app.reaches(receipt.position()).await;
    let PlanLimitsReapplied { reapplication_id, plan_id, force, .. } = asked;
    write_down(app, reapplication_id, Spec { plan_id, force }).await?;
    let job = find(app, reapplication_id).await?;
    Ok((job.ok_or(SubmitError::OutcomeUnknown)?, receipt.position()))
}

/// A reapplication by its id.
///
/// # Errors
/// A database that cannot be reached.
pub async fn find(
    app: &Arc<App>,
    id: ReapplicationId,
) -> Result<Option<Reapplication>, SchedulerError> {
    let job: Option<Job> = sqlx::query_as(select_jobs!("where kind = $1 and id = $2"))
        .bind(KIND)
        .bind(id.to_string())
        .fetch_optional(app.pool())
        .await?;
    Ok(job.map(Reapplication::from))
}

/// Writes a job down, unless it is.
async fn write_down(app: &Arc<App>, id: ReapplicationId, spec: Spec) -> Result<(), SchedulerError> {
    let total: i64 =
        sqlx::query_scalar("select count(*) from daybook_views.subscriptions where live_plan = $1")
            .bind(spec.plan_id.to_string())
            .fetch_one(app.pool())
            .await?;
    sqlx::query(
        "insert into jobs (id, kind, spec, total) values ($1, $2, $3::json, $4)
         on conflict do nothing",
    )
    .bind(id.to_string())
    .bind(KIND)
    .bind(Json(spec))
    .bind(total)
    .execute(app.pool())
    .await?;
    Ok(())
}

/// Works off whatever waits, oldest first.
pub(super) async fn work(app: &Arc<App>) -> Result<(), SchedulerError> {
    write_down_what_was_lost(app).await?;
    while let Some(job) = next(app).await? {
        work_on(app, job).await?;
    }
    Ok(())
}

/// A crash between a plan's event and its job leaves the event alone.
async fn write_down_what_was_lost(app: &Arc<App>) -> Result<(), SchedulerError> {
    let lost: Vec<(String, Json<Asked>)> = sqlx::query_as(
        "select key, row->'reapplication' from daybook_views.plans
         where row->>'reapplication' is not null
           and not exists (select from jobs where id = row->'reapplication'->>'reapplication_id')",
    )
    .fetch_all(app.pool())
    .await?;
    for (plan, Json(asked)) in lost {
        if let Ok(plan_id) = plan.parse() {
            write_down(app, asked.reapplication_id, Spec { plan_id, force: asked.force }).await?;
        }
    }
    Ok(())
}

async fn next(app: &Arc<App>) -> Result<Option<Job>, SchedulerError> {
    let job = sqlx::query_as(select_jobs!(
        "where kind = $1 and finished_at is null order by asked_at limit 1"
    ));
    Ok(job.bind(KIND).fetch_optional(app.pool()).await?)
}

async fn work_on(app: &Arc<App>, mut job: Job) -> Result<(), SchedulerError> {
    loop {
        let plan = job.spec.plan_id.to_string();
        let rows = app
            .rows(Reach::Ledger)
            .matching::<Subscriptions>("live_plan", &plan, &job.cursor, PAGE)
            .await?;
        let Some(last) = rows.last() else {
            // By the ledger's clock, like its events; whoever is gone meanwhile was left as it was.
            sqlx::query(
                "update jobs set finished_at = $2, skipped = greatest(skipped, total - changed)
                 where id = $1",
            )
            .bind(&job.id)
            .bind(app.ledger.now().await?.utc())
            .execute(app.pool())
            .await?;
            tracing::info!(job = job.id, changed = job.changed, "limits are reapplied");
            return Ok(());
        };
        job.cursor = last.subscription_id.to_string();
        let all = i64::try_from(rows.len()).unwrap_or(0);
        let changed = reapply(app, &job, rows).await?;
        job.changed += changed;
        job.skipped += all - changed;
        sqlx::query("update jobs set cursor = $2, changed = $3, skipped = $4 where id = $1")
            .bind(&job.id)
            .bind(&job.cursor)
            .bind(job.changed)
            .bind(job.skipped)
            .execute(app.pool())
            .await?;
    }
}

/// Takes the step for each of a page's subscribers; tells how many it changed.
async fn reapply(
    app: &Arc<App>,
    job: &Job,
    rows: Vec<SubscriptionRow>,
) -> Result<i64, SchedulerError> {
    let Json(Spec { plan_id, force }) = job.spec;
    let Ok(reapplication_id) = job.id.parse::<ReapplicationId>() else { return Ok(0) };
    let step = |row: SubscriptionRow| async move {
        let account_id = row.account_id;
        let command = ReapplyLimitsTo { account_id, reapplication_id, plan_id, force };
        let request = Request::new(command, system_origin("scheduler"), Uuid::now_v7());
        app.ledger.submit(request).await
    };
    let outcomes: Vec<_> = stream::iter(rows).map(step).buffered(ABREAST).collect().await;
    let mut changed = 0;
    for outcome in outcomes {
        match outcome {
            Ok(_) => changed += 1,
            Err(SubmitError::Rejected(
                Rejection::LimitsCustomised
                | Rejection::NothingToChange
                | Rejection::NoSubscription,
            )) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(changed)
}
