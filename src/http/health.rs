//! Health: whether the process runs, and whether it can do its work.

use std::sync::Arc;

use daybook_events::store;
use serde_json::json;
use warp::http::StatusCode;

use super::{answer::Answer, call::Call, error::ApiError};
use crate::app::App;

/// The process runs.
///
/// # Errors
/// Never.
pub async fn healthz(_: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&json!({ "status": "ok" })).with("cache-control", "no-store".to_owned()))
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
        &json!({
            "status": if ready { "ready" } else { "not_ready" },
            "database": position.is_some(),
            "position": position,
            "projections": { "position": progress.position, "lag": lag, "halted": progress.halted },
            "append_only": append_only,
        }),
    );
    Ok(answer.with("cache-control", "no-store".to_owned()))
}
