//! Instants: UTC, whole microseconds, one text form.
//!
//! Two names are kept apart everywhere: `recorded_at` (when the ledger learned a fact) and
//! `effective_at` (when the fact counts). Both are [`Timestamp`]s.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Days, NaiveDate, SubsecRound, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use thiserror::Error;

/// A text that is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an instant is RFC 3339 with a zone, such as 2026-05-01T00:00:00Z")]
pub struct TimestampError;

/// An instant in UTC, in whole microseconds, printed as `2026-05-01T00:00:00.000000Z`: one width,
/// so that the text sorts as the instants do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// From any instant, truncated to the microsecond, as Postgres keeps it.
    #[must_use]
    pub fn new(instant: DateTime<Utc>) -> Self {
        Self(instant.trunc_subsecs(6))
    }

    /// From microseconds since 1970, if that is a year between 1 and 9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        DateTime::from_timestamp_micros(micros).map(Self)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// The same instant without its fraction of a second: periods begin on whole seconds.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self(self.0.with_nanosecond(0).expect("zero nanoseconds exist in every second"))
    }

    /// The instant as chrono has it.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// Later by some microseconds.
    #[must_use]
    pub fn plus_micros(self, micros: i64) -> Self {
        Self(self.0 + TimeDelta::microseconds(micros))
    }

    /// Later by some seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0 + TimeDelta::seconds(seconds))
    }

    /// Later by some days of 86,400 seconds.
    #[must_use]
    pub fn plus_days(self, days: u64) -> Self {
        Self(self.0 + Days::new(days))
    }

    /// The calendar day in a zone.
    #[must_use]
    pub fn day_in(self, zone: Tz) -> NaiveDate {
        self.0.with_timezone(&zone).date_naive()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let parsed = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError)?;
        // chrono takes a 60th second; no such instant exists here.
        if parsed.nanosecond() >= 1_000_000_000 || parsed.timestamp() < -62_135_596_800 {
            return Err(TimestampError);
        }
        Ok(Self::new(parsed.with_timezone(&Utc)))
    }
}

crate::text::as_text!(Timestamp, {
    "format": "date-time",
    "description": "An instant in UTC, to the microsecond.",
    "examples": ["2026-05-01T00:00:00.000000Z"],
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_form_in_utc_and_microseconds() {
        let at: Timestamp = "2026-05-01T02:00:00.1234567+02:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-05-01T00:00:00.123456Z");
        assert_eq!(at.whole_second().to_string(), "2026-05-01T00:00:00.000000Z");
    }

    #[test]
    fn a_leap_second_or_a_missing_zone_is_refused() {
        assert!("2026-06-30T23:59:60Z".parse::<Timestamp>().is_err());
        assert!("2026-06-30T23:59:59".parse::<Timestamp>().is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }
}
