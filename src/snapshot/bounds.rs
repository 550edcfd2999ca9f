//! What a snapshot is asked of, and which events that means.

use std::str::FromStr as _;

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use daybook_events::{
    StreamId, Timestamp,
    accounting::{AccountingPeriod, PeriodError},
    book::{Book, ClosedPeriod},
    event::Event,
    period::start_of_day,
    store::{self, Clock},
};
use daybook_projections::journal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use super::SnapshotError;

/// What is asked for: at most one of the three; none is everything that was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SnapshotBody", example = serde_json::json!({ "as_of": "2026-05-31" }))]
pub struct Asked {
    /// Up to and with this position of the log.
    #[schemars(range(min = 1))]
    pub position: Option<i64>,
    /// Up to and with this instant, or the end of this day in the seller's zone.
    pub as_of: Option<String>,
    /// The accounting period, such as `2026-05`, once it is closed.
    pub period: Option<String>,
}

/// The bounds of a snapshot, as its manifest names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "SnapshotBounds")]
pub enum Bounds {
    /// Up to and with this position of the log.
    Position(i64),
    /// Up to and with this instant, or the end of this day in the seller's zone.
    AsOf(String),
    /// A closed accounting period.
    Period(String),
}

/// Which events a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The ledger.
    pub ledger: Uuid,
    /// What was asked for.
    pub bounds: Bounds,
    /// The last position.
    pub position: i64,
    /// When that was recorded.
    pub recorded_at: Timestamp,
    /// The last accounting day.
    pub through: NaiveDate,
    /// The seller's zone.
    pub time_zone: Tz,
}

impl Asked {
    /// The events that are asked for, by the ledger as it is and by its clock.
    ///
    /// # Errors
    /// An empty ledger, a position or a time that is not there yet, a period that is not closed.
    pub async fn resolve(&self, pool: &PgPool, clock: &Clock) -> Result<Scope, SnapshotError> {
        // Before the log is looked at: what is recorded after that look is after this instant.
        let now = clock.now();
        let head = store::head(pool).await?;
        let Some(newest) = head.recorded_at.filter(|_| head.position > 0) else {
            return Err(SnapshotError::LedgerEmpty);
        };
        let ledger = Ledger { pool, head: head.position, book: book(pool).await? };
        let zone = ledger.book.time_zone();
        let (bounds, position, through) = match self {
            Self { position: None, as_of: None, period: None } => {
                (Bounds::Position(head.position), head.position, None)
            }
            Self { position: Some(position), as_of: None, period: None } => {
                if !(1..=head.position).contains(position) {
                    let (position, head) = (*position, head.position);
                    return Err(SnapshotError::PositionBeyondHead { position, head });
                }
                (Bounds::Position(*position), *position, None)
            }
            Self { position: None, as_of: Some(text), period: None } => {
                let (at, day) = moment(text, zone)?;
                let now = ledger.book.clock.unwrap_or(now);
                // What comes next is recorded after the newest event, and not before now: in the
                // present instant itself something may yet be recorded.
                if at > newest && at >= now {
                    return Err(SnapshotError::TimeInFuture { at, now });
                }
                // Printed anew: the same bounds in other words are the same snapshot.
                let same = if text.parse::<NaiveDate>().is_ok() {
                    day.to_string()
                } else {
                    at.to_string()
                };
                (Bounds::AsOf(same), ledger.last_by(at).await?, Some(day))
            }
            Self { position: None, as_of: None, period: Some(period) } => {
                let closed = ledger.closed(period)?;
                let bounds = Bounds::Period(closed.period.to_string());
                (bounds, closed.position, Some(closed.period.last_day))
            }
            Self { .. } => {
                let text = "ask by one of `position`, `as_of` and `period`";
                return Err(SnapshotError::BoundsInvalid(text.to_owned()));
            }
        };
        let recorded_at = ledger.recorded_at(position).await?;
        let through = through.unwrap_or_else(|| recorded_at.day_in(zone));
        let (ledger, time_zone) = (head.ledger, zone);
        Ok(Scope { ledger, bounds, position, recorded_at, through, time_zone })
    }
}

impl Scope {
    /// The bounds of the books.
    #[must_use]
    pub fn books(&self) -> journal::Bounds {
        journal::Bounds { position: self.position, through: self.through }
    }

    /// How many events the tree has.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::try_from(self.position).unwrap_or(0)
    }
}

/// The book as it is now.
async fn book(pool: &PgPool) -> Result<Book, SnapshotError> {
    let mut book = Book::default();
    for recorded in store::stream(pool, StreamId::Book).await? {
        if let Event::Book(event) = &recorded.event {
            book.evolve(event, &recorded);
        }
    }
    Ok(book)
}

/// An instant and its day; of a day its last microsecond.
fn moment(text: &str, zone: Tz) -> Result<(Timestamp, NaiveDate), SnapshotError> {
    if let Ok(instant) = Timestamp::from_str(text) {
        return Ok((instant, instant.day_in(zone)));
    }
    let day: Option<NaiveDate> = text.parse().ok();
    let next = day.and_then(|day| Some((day, day.checked_add_days(Days::new(1))?)));
    let (day, next) = next.ok_or_else(|| {
        let text = "`as_of` is a date such as 2026-05-31, or an instant with its zone";
        SnapshotError::BoundsInvalid(text.to_owned())
    })?;
    Ok((start_of_day(next, zone).plus_micros(-1), day))
}

/// The ledger that is asked.
struct Ledger<'p> {
    pool: &'p PgPool,
    head: i64,
    book: Book,
}

impl Ledger<'_> {
    /// When an event was recorded.
    async fn recorded_at(&self, position: i64) -> Result<Timestamp, SnapshotError> {
        Ok(store::recorded_at(self.pool, position).await?)
    }

    /// The last event that was recorded by an instant: `recorded_at` never decreases, so it is found
    /// by halving.
    async fn last_by(&self, at: Timestamp) -> Result<i64, SnapshotError> {
        let first = self.recorded_at(1).await?;
        if first > at {
            return Err(SnapshotError::TimeBeforeLedger { at, first });
        }
        let (mut by_then, mut after) = (1, self.head + 1);
        while after - by_then > 1 {
            let middle = by_then + (after - by_then) / 2;
            if self.recorded_at(middle).await? <= at {
                by_then = middle;
            } else {
                after = middle;
            }
        }
        Ok(by_then)
    }

    /// The period as it was closed: nothing that is recorded later posts to it.
    fn closed(&self, text: &str) -> Result<ClosedPeriod, SnapshotError> {
        let period: AccountingPeriod = text
            .parse()
            .map_err(|error: PeriodError| SnapshotError::BoundsInvalid(error.to_string()))?;
        let closed = self.book.closed.iter().find(|closed| closed.period == period);
        closed.copied().ok_or_else(|| SnapshotError::PeriodNotClosed(period.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_meant_to_its_end_in_the_sellers_zone() {
        let told = |text| moment(text, Tz::Asia__Kolkata).unwrap();
        let (at, day) = told("2026-05-31");
        assert_eq!(at.to_string(), "2026-05-31T18:29:59.999999Z");
        assert_eq!(day.to_string(), "2026-05-31");
        let (at, day) = told("2026-05-31T18:30:00Z");
        assert_eq!(at.to_string(), "2026-05-31T18:30:00.000000Z");
        assert_eq!(day.to_string(), "2026-06-01");
        for text in ["", "May", "2026-05", "2026-02-30", "42", "2026-05-31T00:00:00"] {
            assert_eq!(moment(text, Tz::UTC).unwrap_err().code(), "bounds_invalid", "{text}");
        }
    }
}
