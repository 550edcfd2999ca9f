//! Proration: the part of an amount that belongs to what is left of a span.
//!
//! `amount × time left ÷ time in the span`: multiplied first, divided once, rounded once. Time is
//! counted in seconds or, where the policy says so, in calendar days of the account's zone. The
//! record keeps every input, so that "why this amount?" is answered from the event alone.

use chrono::Datelike;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    money::{Money, MoneyError},
    period::Span,
    time::Timestamp,
};

/// The rounding that every proration uses, said out loud in the event.
pub const ROUNDING: &str = "half_away_from_zero";

/// What proration counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Seconds.
    #[default]
    Second,
    /// Calendar days in the account's zone; the day that has begun counts as still to come.
    Day,
}

/// How much of a span is left, in the unit that is counted: left, and in all.
fn part_left(span: Span, at: Timestamp, unit: Granularity, zone: Tz) -> (i64, i64) {
    match unit {
        Granularity::Second => (span.seconds_left(at), span.seconds()),
        Granularity::Day => {
            let day = |at: Timestamp| i64::from(at.day_in(zone).num_days_from_ce());
            let (first, end) = (day(span.start), day(span.end));
            // A span within one day counts as that day.
            let whole = (end - first).max(1);
            ((end - day(at)).clamp(i64::from(at < span.end), whole), whole)
        }
    }
}

/// A prorated amount with its derivation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Proration {
    /// The whole amount for the whole span.
    pub of: Money,
    /// The span that the whole amount pays for.
    pub span: Span,
    /// The instant from which it is reckoned.
    pub at: Timestamp,
    /// What is counted.
    pub unit: Granularity,
    /// How much is left.
    pub numerator: i64,
    /// How much is in the span.
    pub denominator: i64,
    /// The exact quotient in major units, cut after twelve decimals.
    pub unrounded: String,
    /// The name of the rounding rule.
    pub rounding: String,
    /// The result, before what earlier credits took.
    pub amount: Money,
}

impl Proration {
    /// The part of `of` that belongs to what is left of `span` at `at`.
    ///
    /// # Errors
    /// An empty span, or an amount out of bounds.
    pub fn of_rest(
        of: Money,
        span: Span,
        at: Timestamp,
        unit: Granularity,
        zone: Tz,
    ) -> Result<Self, MoneyError> {
        let (numerator, denominator) = part_left(span, at, unit, zone);
        let amount = of.ratio(numerator, denominator)?;
        Ok(Self {
            of,
            span,
            at,
            unit,
            numerator,
            denominator,
            unrounded: unrounded(of, numerator, denominator),
            rounding: ROUNDING.to_owned(),
            amount,
        })
    }
}

/// The quotient as text, cut (not rounded) after twelve decimals.
fn unrounded(of: Money, numerator: i64, denominator: i64) -> String {
    const DECIMALS: usize = 12;
    let scale = 10_i128.pow(12 - of.currency().exponent());
    let scaled = of.minor() * i128::from(numerator) * scale / i128::from(denominator);
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = DECIMALS + 1);
    let (whole, fraction) = digits.split_at(digits.len() - DECIMALS);
    let sign = if scaled < 0 { "-" } else { "" };
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn span(start: &str, end: &str) -> Span {
        Span { start: start.parse().unwrap(), end: end.parse().unwrap() }
    }

    fn usd(text: &str) -> Money {
        Money::parse(text, Currency::USD).unwrap()
    }

    fn rest(of: &str, span: Span, at: Timestamp) -> Result<Proration, MoneyError> {
        Proration::of_rest(usd(of), span, at, Granularity::Second, Tz::UTC)
    }

    #[test]
    fn days_are_the_calendars_of_the_account() {
        let may = span("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let by_day = |at: &str, zone| {
            Proration::of_rest(usd("31"), may, at.parse().unwrap(), Granularity::Day, zone).unwrap()
        };
        let noon = by_day("2026-05-11T12:00:00Z", Tz::UTC);
        assert_eq!((noon.numerator, noon.denominator, noon.amount), (21, 31, usd("21")));
        // 23:30 in London is the next day in Kolkata already.
        let late = by_day("2026-05-11T23:30:00Z", Tz::Asia__Kolkata);
        assert_eq!((late.numerator, late.denominator), (20, 31));
        assert_eq!(by_day("2026-05-31T23:59:59Z", Tz::UTC).amount, usd("1"));
        assert_eq!(by_day("2026-06-01T00:00:00Z", Tz::UTC).amount, usd("0"));
    }

    #[test]
    fn half_a_period_is_half_the_price() {
        // Kill Bill's documented example: 20.00 a month from 11 April, changed on 26 April.
        let april = span("2026-04-11T00:00:00Z", "2026-05-11T00:00:00Z");
        let at = "2026-04-26T00:00:00Z".parse().unwrap();
        assert_eq!(rest("20", april, at).unwrap().amount, usd("10"));
        assert_eq!(rest("30", april, at).unwrap().amount, usd("15"));
    }

    #[test]
    fn the_record_keeps_the_inputs_and_the_unrounded_value() {
        let may = span("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let at = "2026-05-11T12:00:01.5Z".parse().unwrap();
        let part = rest("15", may, at).unwrap();
        assert_eq!((part.numerator, part.denominator), (1_771_199, 2_678_400));
        assert_eq!(part.unrounded, "9.919349238351");
        assert_eq!(part.amount, usd("9.92"));
    }

    #[test]
    fn outside_the_span_it_is_all_or_nothing() {
        let may = span("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z");
        let before = rest("15", may, "2026-04-01T00:00:00Z".parse().unwrap());
        let after = rest("15", may, "2026-07-01T00:00:00Z".parse().unwrap());
        assert_eq!(before.unwrap().amount, usd("15"));
        assert_eq!(after.unwrap().amount, usd("0"));
    }
}
