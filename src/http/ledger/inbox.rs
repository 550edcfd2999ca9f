//! The ledger's own `/api/ledger/inbox…`: what processors sent, what became of it, and what was
//! refused at the door.

use std::sync::Arc;

use crate::{
    app::App,
    http::{answer::Answer, call::Call, error::ApiError, fields::NoFields, reading::listed},
    settlement::{
        apply::{Mode, State},
        inbox::{self, Kept},
        reconcile,
        shown::{MessageInFull, MessageShape, RefusedShape, RunShape},
        worker,
    },
};

/// `GET /api/ledger/inbox`: newest first.
///
/// # Errors
/// A page or a state that is none.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limit, before) = page(&call)?;
    let state = match call.query.get("state") {
        None => None,
        Some(name) => Some(State::of(name).ok_or_else(|| {
            let names = State::ALL.map(State::name).join(", ");
            ApiError::new("invalid_request", format!("`state` is one of {names}"))
        })?),
    };
    let kept = inbox::list(app.pool(), state, before, limit).await?;
    let next = full(kept.len(), limit).then(|| kept.last()).flatten();
    let next = next.map(|last| last.inbox_id.to_string());
    Ok(listed(&call, kept.into_iter().map(MessageShape::from).collect(), next))
}

/// `GET /api/ledger/inbox/{id}`
///
/// # Errors
/// No such message.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&MessageInFull::from(message(&app, &call).await?)))
}

/// `POST /api/ledger/inbox/{id}/replay`: reads a message again, after whatever stood in its way was
/// mended; what the ledger knows already is not booked again.
///
/// # Errors
/// No such message.
pub async fn replay(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let NoFields {} = call.json_or_empty()?;
    let kept = message(&app, &call).await?;
    worker::read_again(&app, &kept, Mode::Append).await?;
    Ok(Answer::ok(&MessageInFull::from(message(&app, &call).await?)))
}

/// `GET /api/ledger/inbox/refused`: newest first.
///
/// # Errors
/// A page that is none.
pub async fn refused(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limit, before) = page(&call)?;
    let refused = inbox::refused(app.pool(), before, limit).await?;
    let next = full(refused.len(), limit).then(|| refused.last()).flatten();
    let next = next.map(|last| last.refused_id.to_string());
    Ok(listed(&call, refused.into_iter().map(RefusedShape::from).collect(), next))
}

/// `GET /api/ledger/reconciliations`: newest first.
///
/// # Errors
/// A page that is none.
pub async fn reconciliations(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let (limit, before) = page(&call)?;
    let runs = reconcile::past(app.pool(), before, limit).await?;
    let runs: Vec<_> = runs.into_iter().map(RunShape::from).collect();
    let next = full(runs.len(), limit).then(|| runs.last()).flatten();
    let next = next.map(|last| last.reconciliation_id.to_string());
    Ok(listed(&call, runs, next))
}

async fn message(app: &App, call: &Call) -> Result<Kept, ApiError> {
    let id: i64 = call.capture(0).parse().map_err(|_| ApiError::not_found())?;
    inbox::get(app.pool(), id).await?.ok_or_else(ApiError::not_found)
}

/// How many, and before which number.
fn page(call: &Call) -> Result<(i64, Option<i64>), ApiError> {
    let (limit, after) = call.page()?;
    let before = after.map(|text| text.parse().ok().filter(|before| *before >= 0));
    let text = "`after` is the `next` of the page before: a number";
    let before = before.map(|it| it.ok_or_else(|| ApiError::new("invalid_request", text)));
    Ok((limit, before.transpose()?))
}

fn full(rows: usize, limit: i64) -> bool {
    i64::try_from(rows) == Ok(limit)
}
