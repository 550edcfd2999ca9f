//! Percentages: exact, as tax rates and discounts are written.
//!
//! Held as a whole number of millionths of a percent, so that a rate and half of it are exact;
//! JSON has them as text, `"18"` or `"7.5"`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::money::{Money, MoneyError};

/// One percent, in the unit that [`Percent`] counts.
const ONE: i64 = 1_000_000;
/// The whole, in that unit.
const WHOLE: i64 = 100 * ONE;
/// Decimals that a caller may give; half of such a rate is still exact.
const DECIMALS: usize = 4;

/// Not a percentage.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a percentage is 0 to 100 with at most four decimals, such as \"7.5\"")]
pub struct NotAPercentage;

/// A percentage from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(i64);

impl Percent {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Half of it.
    #[must_use]
    pub fn half(self) -> Self {
        Self(self.0 / 2)
    }

    /// Both together. Rates on one invoice never come near the bound of `i64`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// This share of an amount, rounded once.
    ///
    /// # Errors
    /// Too large.
    pub fn of(self, amount: Money) -> Result<Money, MoneyError> {
        amount.ratio(self.0, WHOLE)
    }

    /// The tax at this rate inside a gross amount that holds taxes of `all` together:
    /// `gross × rate ÷ (100 + all)`, rounded once.
    ///
    /// # Errors
    /// Too large.
    pub fn within(self, gross: Money, all: Self) -> Result<Money, MoneyError> {
        gross.ratio(self.0, WHOLE + all.0)
    }
}

impl FromStr for Percent {
    type Err = NotAPercentage;

    fn from_str(text: &str) -> Result<Self, NotAPercentage> {
        parse(text, DECIMALS)
    }
}

fn parse(text: &str, decimals: usize) -> Result<Percent, NotAPercentage> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = (1..=3).contains(&whole.len())
        && fraction.len() <= decimals
        && fraction.is_empty() != text.contains('.')
        && all_digits(whole)
        && all_digits(fraction);
    if !well_formed {
        return Err(NotAPercentage);
    }
    let millionths: i64 = format!("{whole}{fraction:0<6}").parse().map_err(|_| NotAPercentage)?;
    if millionths > WHOLE { Err(NotAPercentage) } else { Ok(Percent(millionths)) }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:06}", self.0 % ONE);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{}", self.0 / ONE),
            digits => write!(f, "{}.{digits}", self.0 / ONE),
        }
    }
}

crate::text::text_schema!(Percent, {
    "pattern": "^[0-9]{1,3}(\\.[0-9]{1,6})?$",
    "description": "A percentage from 0 to 100.",
    "examples": ["7.5"],
});

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Half of a rate, which only we make, may have more decimals than a caller's.
        parse(&String::deserialize(deserializer)?, 6).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn percent(text: &str) -> Percent {
        text.parse().unwrap()
    }

    #[test]
    fn text_goes_there_and_back_without_idle_zeros() {
        for (text, shown) in [("18", "18"), ("7.50", "7.5"), ("0", "0"), ("100", "100")] {
            assert_eq!(percent(text).to_string(), shown);
        }
        let half = percent("0.0125").half();
        assert_eq!(half.to_string(), "0.00625");
        let json = serde_json::to_string(&half).unwrap();
        assert_eq!(serde_json::from_str::<Percent>(&json).unwrap(), half);
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for text in ["", "-1", "101", "100.0001", "1e2", "7.", ".5", "1.23456", "1_0", " 5"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_once_half_away_from_zero() {
        let rupees = |text| Money::parse(text, Currency::INR).unwrap();
        // providers.md D.1: IGST on 299.03 is not twice its half.
        assert_eq!(percent("18").of(rupees("299.03")), Ok(rupees("53.83")));
        assert_eq!(percent("9").of(rupees("299.03")), Ok(rupees("26.91")));
        assert_eq!(percent("18").within(rupees("999.00"), percent("18")), Ok(rupees("152.39")));
        assert_eq!(percent("18").within(rupees("299.00"), percent("18")), Ok(rupees("45.61")));
    }
}
