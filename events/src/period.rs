//! Billing periods: half-open `[start, end)`, each boundary computed from the original anchor.
//!
//! Boundary k is `anchor + k cycles` on the account's own calendar, clamped to the last day of a
//! short month: 31 Jan → 28 Feb → 31 Mar. It is never derived from boundary k−1, so a short month
//! does not pull the following ones down (killbill #127), and periods tile for every anchor, cycle
//! and zone: no gap, no overlap.

use std::fmt;

use chrono::{Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How often a subscription is billed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// Every calendar month.
    Monthly,
    /// Every twelve calendar months.
    Yearly,
}

impl Cycle {
    /// Every cycle there is.
    pub const ALL: [Self; 2] = [Self::Monthly, Self::Yearly];

    /// Its length in calendar months.
    #[must_use]
    pub fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Yearly => 12,
        }
    }

    /// The word for it: `monthly` or `yearly`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }

    /// The cycle of a word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cycle| cycle.as_str() == word)
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A half-open span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

impl Span {
    /// Its length in whole seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.end.seconds() - self.start.seconds()
    }

    /// What is left of it at an instant, in whole seconds: the second that has begun counts as
    /// still to come, and outside the span it is all or nothing.
    #[must_use]
    pub fn seconds_left(&self, at: Timestamp) -> i64 {
        (self.end.seconds() - at.seconds()).clamp(0, self.seconds())
    }

    /// Whether the instant lies inside.
    #[must_use]
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

/// Where a subscription's periods hang: the first start, the calendar and the cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The start of period 0, a whole second.
    pub at: Timestamp,
    /// The account's zone: months are reckoned on its calendar.
    #[schemars(with = "String")]
    pub zone: Tz,
    /// How far apart boundaries are.
    pub cycle: Cycle,
}

impl Anchor {
    /// Boundary k: the start of period k and the end of period k−1.
    ///
    /// Boundary 0 is the anchor itself. Of the others, a local time that the calendar skips goes
    /// later, and one that it has twice is the earlier.
    #[must_use]
    pub fn boundary(&self, k: u32) -> Timestamp {
        if k == 0 {
            return self.at;
        }
        let local = self.at.utc().with_timezone(&self.zone).naive_local();
        let months = Months::new(self.cycle.months().saturating_mul(k));
        local.checked_add_months(months).map_or(self.at, |local| instant_of(local, self.zone))
    }

    /// Period k, counted from 0.
    #[must_use]
    pub fn period(&self, k: u32) -> Span {
        Span { start: self.boundary(k), end: self.boundary(k + 1) }
    }
}

/// The first instant of a calendar day in a zone.
#[must_use]
pub fn start_of_day(day: NaiveDate, zone: Tz) -> Timestamp {
    instant_of(day.and_time(NaiveTime::MIN), zone)
}

/// The instant of a local time: one that the calendar skips goes later, one that it has twice is
/// the earlier.
fn instant_of(local: NaiveDateTime, zone: Tz) -> Timestamp {
    let instant = zone.from_local_datetime(&local).earliest().unwrap_or_else(|| {
        // In a gap: read the clock as it ran the day before, which lands after the gap.
        let before = local - chrono::Days::new(1);
        let offset = zone.offset_from_utc_datetime(&before).fix();
        zone.from_utc_datetime(&(local - offset))
    });
    Timestamp::new(instant.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn anchor(at: &str, zone: Tz, cycle: Cycle) -> Anchor {
        Anchor { at: at.parse().unwrap(), zone, cycle }
    }

    fn days(anchor: Anchor, count: u32) -> Vec<String> {
        (0..count).map(|k| anchor.boundary(k).day_in(anchor.zone).to_string()).collect()
    }

    #[test]
    fn the_31st_returns_after_a_short_month() {
        let monthly = anchor("2027-01-31T10:00:00Z", Tz::UTC, Cycle::Monthly);
        assert_eq!(
            days(monthly, 5),
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
        );
    }

    #[test]
    fn the_29th_of_february_returns_in_leap_years() {
        let yearly = anchor("2028-02-29T00:00:00Z", Tz::UTC, Cycle::Yearly);
        assert_eq!(
            days(yearly, 5),
            ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]
        );
    }

    #[test]
    fn a_skipped_local_time_goes_later_and_a_doubled_one_is_the_earlier() {
        // New York skips 02:30 on 14 March 2027 and has 01:30 twice on 7 November 2027.
        let skipped = anchor("2027-02-14T07:30:00Z", Tz::America__New_York, Cycle::Monthly);
        assert_eq!(skipped.boundary(1).to_string(), "2027-03-14T07:30:00.000000Z");
        let doubled = anchor("2027-10-07T05:30:00Z", Tz::America__New_York, Cycle::Monthly);
        assert_eq!(doubled.boundary(1).to_string(), "2027-11-07T05:30:00.000000Z");
    }

    proptest! {
        #[test]
        fn periods_tile_for_every_anchor_cycle_and_zone(
            second in 1_600_000_000_i64..2_200_000_000, zone in 0_usize..6, yearly: bool,
        ) {
            let zones = [
                Tz::UTC, Tz::America__New_York, Tz::Asia__Kolkata, Tz::Australia__Lord_Howe,
                Tz::Pacific__Apia, Tz::Europe__Berlin,
            ];
            let cycle = if yearly { Cycle::Yearly } else { Cycle::Monthly };
            let at = Timestamp::from_micros(second * 1_000_000).unwrap();
            let anchor = Anchor { at, zone: zones[zone], cycle };
            prop_assert_eq!(anchor.boundary(0).seconds(), second);
            for k in 0..30 {
                let (this, next) = (anchor.period(k), anchor.period(k + 1));
                prop_assert!(this.start < this.end);
                prop_assert_eq!(this.end, next.start);
                prop_assert!(this.seconds() >= i64::from(cycle.months()) * 27 * 86_400);
            }
        }
    }
}
