//! Exact money: a decimal amount in one ISO 4217 currency.
//!
//! Amounts always carry every digit of their currency's exponent (`"5.00"` USD, `"500"` JPY,
//! `"5.000"` KWD), never a float, and never mix currencies: arithmetic is checked and there are no
//! operators. The one rounding of this product is [`Money::ratio`]: half away from zero on the
//! magnitude, so that a credit of x is the mirror image of a charge of x.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// The largest magnitude accepted, in minor units: 10^15, well inside `i64` and `Decimal`.
pub const MAX_MINOR: i128 = 1_000_000_000_000_000;

/// Why an amount or a currency was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Not a currency of ISO 4217 that processors accept.
    #[error("`{0}` is not a known currency code")]
    UnknownCurrency(String),
    /// Not of the form `123` or `123.45`.
    #[error("an amount is digits with at most one point, such as \"12.50\"")]
    Malformed,
    /// More decimals than the currency has.
    #[error("{currency} has {exponent} decimals, the amount has {given}")]
    TooPrecise {
        /// The amount's currency.
        currency: Currency,
        /// Decimals of the currency.
        exponent: u32,
        /// Decimals given.
        given: u32,
    },
    /// Beyond [`MAX_MINOR`].
    #[error("the amount is beyond the bound of 10^15 minor units")]
    TooLarge,
    /// Two currencies met in one sum.
    #[error("{0} and {1} cannot be added")]
    Mixed(Currency, Currency),
}

/// An ISO 4217 currency code of three capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies without decimals.
const EXPONENT_0: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
/// Currencies with three decimals.
const EXPONENT_3: &str = "BHD IQD JOD KWD OMR TND";
/// Currencies with two decimals: the rest of those that payment processors take.
const EXPONENT_2: &str = "AED ALL AMD AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD \
    CAD CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ETB EUR FJD GBP GHS GIP GMD GTQ GYD HKD HNL \
    HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT LAK LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SCR \
    SEK SGD SLL SOS SVC SZL THB TRY TTD TWD TZS UAH USD UYU UZS XCD YER ZAR ZMW";

impl Currency {
    /// US dollar, the usual currency of examples.
    pub const USD: Self = Self(*b"USD");
    /// Indian rupee.
    pub const INR: Self = Self(*b"INR");
    /// Japanese yen, without decimals.
    pub const JPY: Self = Self(*b"JPY");
    /// Kuwaiti dinar, with three decimals.
    pub const KWD: Self = Self(*b"KWD");
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");

    /// How many decimals the minor unit has: 0, 2 or 3.
    #[must_use]
    pub fn exponent(self) -> u32 {
        match () {
            () if listed(EXPONENT_0, self.as_str()) => 0,
            () if listed(EXPONENT_3, self.as_str()) => 3,
            () => 2,
        }
    }

    /// The code, three capitals.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made of ASCII capitals")
    }
}

fn listed(list: &str, code: &str) -> bool {
    list.split_ascii_whitespace().any(|listed| listed == code)
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let known = [EXPONENT_2, EXPONENT_0, EXPONENT_3].iter().any(|list| listed(list, code));
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(bytes) if known => Ok(Self(bytes)),
            Ok(_) | Err(_) => {
                Err(MoneyError::UnknownCurrency(code.chars().take(16).collect::<String>()))
            }
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::text::as_text!(Currency, {
    "pattern": "^[A-Z]{3}$",
    "description": "A currency by its ISO 4217 code.",
    "examples": ["USD"],
});

/// An exact amount in one currency; JSON `{"amount":"12.50","currency":"USD"}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    // Invariant: scale == currency.exponent() and |minor| <= MAX_MINOR.
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::new(0, currency.exponent()), currency }
    }

    /// From minor units (cents, paise, yen, fils).
    ///
    /// # Errors
    /// Beyond [`MAX_MINOR`].
    pub fn from_minor(minor: i128, currency: Currency) -> Result<Self, MoneyError> {
        if minor.abs() > MAX_MINOR {
            return Err(MoneyError::TooLarge);
        }
        Ok(Self { amount: Decimal::from_i128_with_scale(minor, currency.exponent()), currency })
    }

    /// From a string in major units, as callers write it: `12`, `12.5`, `12.50`.
    ///
    /// A grammar of our own, since the decimal library also takes `1_0` and rounds what is too
    /// long.
    ///
    /// # Errors
    /// Malformed, more decimals than the currency has, or too large.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let point_without_digits = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || point_without_digits || !all_digits(whole) || !all_digits(fraction) {
            return Err(MoneyError::Malformed);
        }
        let (exponent, given) = (currency.exponent(), u32::try_from(fraction.len()));
        let given = given.map_err(|_| MoneyError::Malformed)?;
        if given > exponent {
            return Err(MoneyError::TooPrecise { currency, exponent, given });
        }
        if whole.len() > 16 {
            return Err(MoneyError::TooLarge);
        }
        let digits = format!("{whole}{fraction}");
        let minor: i128 = digits.parse().map_err(|_| MoneyError::Malformed)?;
        let minor = minor * 10_i128.pow(exponent - given);
        Self::from_minor(if negative { -minor } else { minor }, currency)
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The amount in major units, with every digit of the exponent.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// The amount in minor units.
    #[must_use]
    pub fn minor(&self) -> i128 {
        self.amount.mantissa()
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.amount.is_zero()
    }

    /// Whether it is more than nothing.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.minor() > 0
    }

    /// The sum.
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::from_minor(self.minor() + other.minor(), self.currency)
    }

    /// The difference; may be negative.
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::from_minor(self.minor() - other.minor(), self.currency)
    }

    /// The difference, never below nothing.
    ///
    /// # Errors
    /// Another currency.
    pub fn minus_to_zero(self, other: Self) -> Result<Self, MoneyError> {
        let rest = self.minus(other)?;
        Ok(if rest.is_positive() { rest } else { Self::zero(self.currency) })
    }

    /// The smaller of two.
    ///
    /// # Errors
    /// Another currency.
    pub fn smaller(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Ok(if self.minor() <= other.minor() { self } else { other })
    }

    /// `self × numerator ÷ denominator`: multiplied first, divided once, rounded once, half away
    /// from zero on the magnitude.
    ///
    /// # Errors
    /// Too large. A denominator that is not positive counts as malformed.
    pub fn ratio(self, numerator: i64, denominator: i64) -> Result<Self, MoneyError> {
        if denominator <= 0 {
            return Err(MoneyError::Malformed);
        }
        let product = self.minor() * i128::from(numerator);
        let denominator = i128::from(denominator);
        let rounded = (product.abs() * 2 + denominator) / (denominator * 2);
        Self::from_minor(rounded * product.signum(), self.currency)
    }

    /// The sum of many, in one currency.
    ///
    /// # Errors
    /// Another currency among them, or too large.
    pub fn sum(
        currency: Currency,
        parts: impl IntoIterator<Item = Self>,
    ) -> Result<Self, MoneyError> {
        parts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    /// Splits the amount by weights, by largest remainder: each part is cut down to whole minor
    /// units, and what is then left goes, one unit each, to the largest fractions, the first of
    /// equals first. The parts always sum to the amount. Where every weight is nothing, the first
    /// part takes it all.
    ///
    /// # Errors
    /// A negative weight or amount, which nothing here is ever split by, or no weights at all for
    /// something.
    pub fn spread(self, weights: &[Self]) -> Result<Vec<Self>, MoneyError> {
        let whole: i128 = weights.iter().map(Self::minor).sum();
        let negative = self.minor() < 0 || weights.iter().any(|weight| weight.minor() < 0);
        if negative || (weights.is_empty() && !self.is_zero()) {
            return Err(MoneyError::Malformed);
        }
        let weight_of = |index: usize| match whole {
            0 => (i128::from(index == 0), 1),
            whole => (weights[index].minor(), whole),
        };
        let exact = |index: usize| {
            let (weight, whole) = weight_of(index);
            (self.minor() * weight / whole, self.minor() * weight % whole)
        };
        let mut parts: Vec<i128> = (0..weights.len()).map(|index| exact(index).0).collect();
        let mut by_fraction: Vec<usize> = (0..weights.len()).collect();
        by_fraction.sort_by_key(|index| std::cmp::Reverse(exact(*index).1));
        let left = self.minor() - parts.iter().sum::<i128>();
        for index in by_fraction.into_iter().take(usize::try_from(left).unwrap_or(0)) {
            parts[index] += 1;
        }
        parts.into_iter().map(|minor| Self::from_minor(minor, self.currency)).collect()
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::Mixed(self.currency, other.currency))
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An amount of money: the digits of its currency's major unit, and the currency.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Money")]
#[serde(deny_unknown_fields)]
struct MoneyText<'a> {
    /// In major units, with every decimal that the currency has.
    #[schemars(regex(pattern = r"^-?[0-9]+(\.[0-9]+)?$"), example = "15.00")]
    amount: std::borrow::Cow<'a, str>,
    currency: Currency,
}

impl JsonSchema for Money {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        MoneyText::schema_name()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        MoneyText::json_schema(generator)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MoneyText { amount: self.amount.to_string().into(), currency: self.currency }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = MoneyText::deserialize(deserializer)?;
        Self::parse(&text.amount, text.currency).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(text: &str) -> Money {
        Money::parse(text, Currency::USD).unwrap()
    }

    #[test]
    fn every_digit_of_the_exponent_is_printed() {
        assert_eq!(usd("5").to_string(), "5.00 USD");
        assert_eq!(Money::parse("500", Currency::JPY).unwrap().to_string(), "500 JPY");
        assert_eq!(Money::parse("5.1", Currency::KWD).unwrap().to_string(), "5.100 KWD");
        assert_eq!(usd("-0.01").to_string(), "-0.01 USD");
    }

    #[test]
    fn amounts_that_are_not_exactly_of_the_grammar_are_refused() {
        for text in ["", ".", "1.", ".5", "1_0.00", "+1", "1e3", "1,00", " 1", "١", "--1", "0x1"] {
            assert_eq!(Money::parse(text, Currency::USD), Err(MoneyError::Malformed), "{text}");
        }
        assert!(matches!(
            Money::parse("1.005", Currency::USD),
            Err(MoneyError::TooPrecise { exponent: 2, given: 3, .. })
        ));
        assert!(matches!(
            Money::parse("1.0", Currency::JPY),
            Err(MoneyError::TooPrecise { exponent: 0, given: 1, .. })
        ));
        assert_eq!(Money::parse("99999999999999999", Currency::USD), Err(MoneyError::TooLarge));
        assert_eq!(Money::parse("10000000000000.01", Currency::USD), Err(MoneyError::TooLarge));
    }

    #[test]
    fn unknown_currencies_are_refused() {
        for code in ["usd", "XXX", "US", "USDD", "€"] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
    }

    #[test]
    fn a_ratio_rounds_half_away_from_zero_on_the_magnitude() {
        assert_eq!(usd("0.05").ratio(1, 2).unwrap(), usd("0.03"));
        assert_eq!(usd("-0.05").ratio(1, 2).unwrap(), usd("-0.03"));
        assert_eq!(usd("20").ratio(15, 30).unwrap(), usd("10"));
        assert_eq!(usd("20").ratio(1, 3).unwrap(), usd("6.67"));
    }

    #[test]
    fn currencies_do_not_mix() {
        assert!(usd("1").plus(Money::zero(Currency::EUR)).is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(minor in -1_000_000_000_i128..1_000_000_000) {
            for currency in [Currency::USD, Currency::JPY, Currency::KWD] {
                let money = Money::from_minor(minor, currency).unwrap();
                let json = serde_json::to_string(&money).unwrap();
                prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
            }
        }

        #[test]
        fn a_part_and_its_rest_never_differ_from_the_whole_by_more_than_a_minor_unit(
            minor in 0_i128..1_000_000_000, part in 0_i64..2_678_400,
        ) {
            let whole = Money::from_minor(minor, Currency::USD).unwrap();
            let one = whole.ratio(part, 2_678_400).unwrap();
            let rest = whole.ratio(2_678_400 - part, 2_678_400).unwrap();
            let difference = one.plus(rest).unwrap().minus(whole).unwrap().minor();
            prop_assert!(difference.abs() <= 1);
        }
    }
}
