//! The panel dialect's `reapply-limits`, and how far one has come.

use std::sync::Arc;

use daybook_events::{commands::ReapplyLimits, ids::ReapplicationId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{answer::Answer, call::Call, error::ApiError};
use crate::{
    app::App,
    scheduler::{self, Reapplication},
};

/// What `POST /api/admin/plans/{id}/reapply-limits` takes; nothing at all forces nothing.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReapplyBody {
    #[serde(default)]
    force: bool,
}

/// A reapplication that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Reapplying {
    /// Always true: a refusal has another status.
    pub success: bool,
    /// How many subscribers there are to look at.
    pub updated: i64,
    /// The same in words.
    pub message: String,
    /// How far it has come.
    pub reapplication: Reapplication,
}

/// `POST /api/admin/plans/{id}/reapply-limits`: answers at once; subscribers follow in the
/// background.
///
/// # Errors
/// No such plan.
pub async fn ask(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ReapplyBody = call.json_or_empty()?;
    let by_query = match call.query.get("force").map(String::as_str) {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(_) => return Err(ApiError::new("invalid_request", "`force` is `true` or `false`")),
    };
    let plan = call.captures.first().cloned().unwrap_or_default();
    let command = ReapplyLimits { plan, force: body.force || by_query };
    let (job, position) = scheduler::ask_reapplication(&app, call.request(command)?).await?;
    let body = Reapplying {
        success: true,
        updated: job.total,
        message: format!("Reapplying plan limits to ~{} users in background", job.total),
        reapplication: job,
    };
    Ok(Answer::ok(&body).at(position))
}

/// `GET /api/ledger/reapplications/{id}`
///
/// # Errors
/// No such reapplication.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: ReapplicationId = call.captured_id(0)?;
    // It counts everybody's subscriptions.
    if call.caller()?.account.is_some() {
        return Err(ApiError::not_found());
    }
    let job = scheduler::find_reapplication(&app, id).await?.ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&job))
}
