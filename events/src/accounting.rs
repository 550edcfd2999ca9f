//! Accounting periods: stretches of whole days, in the seller's zone, that are closed one after
//! another.

use std::{fmt, str::FromStr};

use chrono::{Datelike, Months, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A text that is not an accounting period.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a period is a month such as 2026-05, or its first and last day such as 2026-05-01/2026-05-15"
)]
pub struct PeriodError;

/// Whole days, the first and the last among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountingPeriod {
    /// Its first day.
    pub first_day: NaiveDate,
    /// Its last.
    pub last_day: NaiveDate,
}

impl AccountingPeriod {
    /// The month of a day.
    #[must_use]
    pub fn month_of(day: NaiveDate) -> Self {
        let first_day = day.with_day(1).unwrap_or(day);
        let next = first_day.checked_add_months(Months::new(1));
        let last_day = next.and_then(|next| next.pred_opt()).unwrap_or(NaiveDate::MAX);
        Self { first_day, last_day }
    }

    /// Whether a day lies inside.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.first_day <= day && day <= self.last_day
    }
}

impl fmt::Display for AccountingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::month_of(self.first_day) {
            write!(f, "{}", self.first_day.format("%Y-%m"))
        } else {
            write!(f, "{}/{}", self.first_day, self.last_day)
        }
    }
}

impl FromStr for AccountingPeriod {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        // Exactly the digits: the library's parser also takes signs and single digits.
        let day = |text: &str| {
            let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            let day = shaped.then(|| text.parse::<NaiveDate>().ok()).flatten();
            day.filter(|day| day.to_string() == text).ok_or(PeriodError)
        };
        let period = match text.split_once('/') {
            Some((first, last)) => Self { first_day: day(first)?, last_day: day(last)? },
            None => Self::month_of(day(&format!("{text}-01"))?),
        };
        if period.first_day <= period.last_day { Ok(period) } else { Err(PeriodError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_or_two_days_make_a_period() {
        for (text, first, last) in [
            ("2026-05", "2026-05-01", "2026-05-31"),
            ("2028-02", "2028-02-01", "2028-02-29"),
            ("2026-12", "2026-12-01", "2026-12-31"),
            ("2026-05-01/2026-05-15", "2026-05-01", "2026-05-15"),
        ] {
            let period: AccountingPeriod = text.parse().unwrap();
            assert_eq!(period.to_string(), text);
            let days = [period.first_day.to_string(), period.last_day.to_string()];
            assert_eq!(days, [first, last]);
            assert!(period.contains(period.first_day) && period.contains(period.last_day));
        }
        let whole: AccountingPeriod = "2026-05-01/2026-05-31".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-05");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-5",
            "may",
            "2026-05-01",
            "2026-05/2026-06",
            "2026-05-02/2026-05-01",
            "2026-05-01/",
            "-2026-05",
            "+2026-05",
            "02026-05",
            "2026-05-01/2026-05-31/2026-06-01",
            "२०२६-०५",
        ] {
            assert_eq!(text.parse::<AccountingPeriod>(), Err(PeriodError), "{text}");
        }
    }
}
