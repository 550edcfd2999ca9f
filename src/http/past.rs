//! `?as_of=` and `?as_known_at=`: what an account looked like then, folded from its own stream.
//!
//! The two times of an event are two axes: `as_of` an instant asks what had happened by then, from
//! all that is known today; `as_known_at` asks what the ledger had been told by then. `as_of` a
//! position is the log up to there. What is asked for together holds together. Along each axis a
//! stream runs forward, so the answer is the rows after a prefix of it.

use std::{collections::BTreeMap, sync::Arc};

use daybook_events::{Recorded, Timestamp, ids::AccountId, store};
use daybook_projections::{as_of, projection::Projection, query::Reach};

use super::{answer::Answer, call::Call, error::ApiError};
use crate::app::App;

/// What `as_of` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Position(i64),
    Instant(Timestamp),
}

/// The moment that a caller asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    as_of: Option<Point>,
    known_at: Option<Timestamp>,
}

impl Moment {
    /// The moment of a query, if it names one.
    fn of(call: &Call) -> Result<Option<Self>, ApiError> {
        let as_of = call.query.get("as_of").map(|text| point(text)).transpose()?;
        let known_at = call.query.get("as_known_at").map(|text| {
            text.parse().map_err(|_| {
                let text = "`as_known_at` is an instant such as 2026-05-01T00:00:00Z";
                ApiError::new("invalid_request", text)
            })
        });
        let moment = Self { as_of, known_at: known_at.transpose()? };
        Ok((moment.as_of.is_some() || moment.known_at.is_some()).then_some(moment))
    }

    /// Refuses what has not happened yet: its answer would change.
    async fn has_come(self, app: &App) -> Result<(), ApiError> {
        let head = store::head(app.pool()).await?;
        let ahead = |what| Err(ApiError::new("as_of_ahead", what));
        if let Some(Point::Position(position)) = self.as_of
            && position > head.position
        {
            return ahead(format!("the log has come to position {}, not further", head.position));
        }
        let instant = match self.as_of {
            Some(Point::Instant(instant)) => Some(instant),
            Some(Point::Position(_)) | None => None,
        };
        let latest = instant.max(self.known_at);
        let now = app.ledger.now().await?;
        // Where the clock stands, what was recorded is microseconds past it.
        let now = head.recorded_at.map_or(now, |last| now.max(last));
        if latest.is_some_and(|latest| latest > now) {
            return ahead(format!("it is {now} for the ledger, not later"));
        }
        Ok(())
    }

    /// Whether an event had happened, and was known, by then.
    fn includes(self, event: &Recorded) -> bool {
        let happened = match self.as_of {
            None => true,
            Some(Point::Position(position)) => event.position <= position,
            Some(Point::Instant(instant)) => event.effective_at <= instant,
        };
        happened && self.known_at.is_none_or(|known_at| event.recorded_at <= known_at)
    }
}

/// A position in digits, else an instant.
fn point(text: &str) -> Result<Point, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let found = match digits {
        // A number too long for a position lies beyond every log.
        true => Some(Point::Position(text.parse().unwrap_or(i64::MAX))),
        false => text.parse().map(Point::Instant).ok(),
    };
    found.ok_or_else(|| {
        let text = "`as_of` is an instant such as 2026-05-01T00:00:00Z, or a position of the log";
        ApiError::new("invalid_request", text)
    })
}

/// An account as it was then.
#[derive(Debug)]
pub(super) struct Then {
    moment: Moment,
    events: Vec<Recorded>,
}

impl Then {
    /// Every row of a projection that the account had, by key.
    ///
    /// # Errors
    /// A history that cannot be folded.
    pub(super) fn rows<P: Projection>(&self) -> Result<BTreeMap<String, P::Row>, ApiError> {
        as_of::rows::<P>(&self.events).map_err(|error| ApiError::internal(&error))
    }

    /// Says in the headers what the answer shows: the moment that was asked about, and the position
    /// of the last event in it.
    pub(super) fn stamp(&self, answer: Answer) -> Answer {
        let position = self.events.last().map_or(0, |event| event.position);
        let as_of = self.moment.as_of.map(|point| match point {
            Point::Position(position) => ("daybook-as-of", position.to_string()),
            Point::Instant(instant) => ("daybook-as-of", instant.to_string()),
        });
        let known_at = self.moment.known_at.map(|at| ("daybook-as-known-at", at.to_string()));
        let said = as_of.into_iter().chain(known_at);
        said.fold(answer.at(position), |answer, (name, value)| answer.with(name, value))
    }
}

/// The account at the moment that the query names; `None` where it names none.
///
/// # Errors
/// A moment that is malformed or has not come; an account that was not there then.
pub(super) async fn of(
    app: &Arc<App>,
    call: &Call,
    account: AccountId,
) -> Result<Option<Then>, ApiError> {
    let Some(moment) = Moment::of(call)? else { return Ok(None) };
    moment.has_come(app).await?;
    let mut events = app.history(Reach::Account(account)).of_account(account).await?;
    events.retain(|event| moment.includes(event));
    if events.is_empty() {
        return Err(ApiError::not_found());
    }
    Ok(Some(Then { moment, events }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_a_position_and_the_rest_is_an_instant() {
        assert_eq!(point("7").unwrap(), Point::Position(7));
        assert_eq!(point("99999999999999999999").unwrap(), Point::Position(i64::MAX));
        let instant = "2026-05-01T00:00:00.000001Z";
        assert_eq!(point(instant).unwrap(), Point::Instant(instant.parse().unwrap()));
        for text in ["", "-1", "+1", "1.5", "2026-05-01", "now", "2026-05-01T00:00:00"] {
            assert_eq!(point(text).unwrap_err().code, "invalid_request", "{text}");
        }
    }
}
