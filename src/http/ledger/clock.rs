//! The ledger's own `/api/ledger/clock`: what time it is, and moving a sandbox ledger's clock.

use std::sync::Arc;

use daybook_events::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::http::{answer::Answer, call::Call, error::ApiError};
use crate::{
    app::App,
    scheduler::{self, SchedulerError},
};

/// What time it is for the ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Time {
    /// The instant.
    now: Timestamp,
    /// Whether the clock stands until it is moved, as only a sandbox ledger's can.
    stands: bool,
}

/// `GET /api/ledger/clock`
///
/// # Errors
/// The failure of the machinery.
pub async fn get(app: Arc<App>, _call: Call) -> Result<Answer, ApiError> {
    let stands = app.ledger.look(None, |world| world.book.clock.is_some()).await?;
    Ok(Answer::ok(&Time { now: app.ledger.now().await?, stands }))
}

/// What `POST /api/ledger/clock` takes: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = serde_json::json!({ "days": 1 }))]
pub struct ClockBody {
    /// The instant to move to.
    #[schemars(with = "Option<Timestamp>")]
    to: Option<String>,
    /// How many days to move on.
    #[schemars(range(max = 100_000))]
    days: Option<u64>,
}

/// A clock that was moved.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ClockMoved {
    /// Where it stood.
    from: Timestamp,
    /// Where it stands.
    to: Timestamp,
    /// How often something that fell due was recorded on an account.
    accounts: u64,
    /// How many events that made.
    events: u64,
    /// How many accounts were parked.
    parked: u64,
}

/// `POST /api/ledger/clock`: answers when everything that falls due on the way is recorded.
///
/// # Errors
/// A clock that cannot be moved, or not there.
pub async fn advance(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let body: ClockBody = call.json()?;
    let to = match (body.to, body.days) {
        (Some(text), None) => text
            .parse::<Timestamp>()
            .map_err(|_| ApiError::new("invalid_request", "`to` is an instant of RFC 3339"))?,
        (None, Some(days)) if days <= 100_000 => app.ledger.now().await?.plus_days(days),
        (Some(_) | None, _) => {
            let text = "either `to`, an instant, or `days`, how many, is given";
            return Err(ApiError::new("invalid_request", text));
        }
    };
    let advanced = scheduler::advance(&app, to, &mut |_, _| {}).await?;
    let position = *app.ledger.position().borrow();
    app.reaches(position).await;
    let body = ClockMoved {
        from: advanced.from,
        to: advanced.to,
        accounts: advanced.settled.accounts,
        events: advanced.settled.events,
        parked: advanced.settled.parked,
    };
    Ok(Answer::ok(&body).at(position))
}

impl From<SchedulerError> for ApiError {
    fn from(error: SchedulerError) -> Self {
        match error {
            SchedulerError::Submit(error) => error.into(),
            SchedulerError::Engine(error) => error.into(),
            SchedulerError::Database(error) => daybook_projections::EngineError::from(error).into(),
            SchedulerError::Behind(position) => {
                let text = format!("the projections have not come to position {position} yet");
                Self::new("position_not_reached", text)
            }
        }
    }
}
