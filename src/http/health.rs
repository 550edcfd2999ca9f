//! Health: whether the process runs, and whether it can do its work.

use std::sync::Arc;

use daybook_events::store;
use schemars::JsonSchema;
use serde::Serialize;
use warp::http::StatusCode;

use super::{answer::Answer, call::Call, error::ApiError};
use crate::app::App;

/// That the process runs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Alive {
    /// Always `ok`.
    #[schemars(example = &"ok")]
    status: String,
}

/// Whether the process can do its work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Readiness {
    /// Whether it can.
    status: Ready,
    /// Whether the database answers.
    database: bool,
    /// The last position of the log; `null` where the database does not answer.
    position: Option<i64>,
    /// How far the projections have come.
    projections: Progress,
    /// What keeps the log append-only; `null` where the database does not answer.
    append_only: Option<String>,
}

/// Whether the process can do its work.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// It can.
    Ready,
    /// Something is wrong.
    NotReady,
}

/// How far the projections have come.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Progress {
    /// The position that they show.
    position: i64,
    /// How many positions the log is ahead; `null` where that is not known.
    lag: Option<i64>,
    /// Why they stand still; `null` where they do not.
    halted: Option<String>,
}

/// The process runs.
///
/// # Errors
/// Never.
pub async fn healthz(_: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&Alive { status: "ok".to_owned() }).with("cache-control", "no-store".to_owned()))
}

/// The database answers, the projections follow, and what keeps the log append-only.
///
/// # Errors
/// Never: what is wrong is in the answer, under 503.
pub async fn readyz(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let progress = app.progress().borrow().clone();
    let head = store::head(app.pool()).await.ok();
    let grants = store::append_only(app.pool()).await.ok();
    let ready = head.is_some() && progress.halted.is_none();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let position = head.map(|head| head.position);
    let append_only = grants.map(|grants| match (grants.triggers, grants.separate_owner) {
        (true, true) => "triggers and a separate owner",
        (true, false) => "triggers alone: the serving role owns the log",
        (false, _) => "nothing: the triggers are missing",
    });
    let lag = position.map(|position| (position - progress.position).max(0));
    let answer = Answer::json(
        status,
        &Readiness {
            status: if ready { Ready::Ready } else { Ready::NotReady },
            database: position.is_some(),
            position,
            projections: Progress { position: progress.position, lag, halted: progress.halted },
            append_only: append_only.map(str::to_owned),
        },
    );
    Ok(answer.with("cache-control", "no-store".to_owned()))
}
