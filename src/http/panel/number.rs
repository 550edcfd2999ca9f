//! Numbers of the panel dialect: exact, whatever they count. A price's digits are copied from the
//! decimal and from the request; no float is ever made of them.

use daybook_events::{Currency, Money, percent::Percent};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::http::{error::ApiError, fields};

/// An exact number, written with all of its digits.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Exact(Box<RawValue>);

impl Exact {
    /// An amount in major units.
    #[must_use]
    pub fn of(money: Money) -> Option<Self> {
        RawValue::from_string(money.amount().to_string()).ok().map(Self)
    }

    /// A whole number.
    #[must_use]
    pub fn whole(number: u32) -> Option<Self> {
        RawValue::from_string(number.to_string()).ok().map(Self)
    }

    /// A rate in per cent.
    #[must_use]
    pub fn percent(percent: Percent) -> Option<Self> {
        RawValue::from_string(percent.to_string()).ok().map(Self)
    }
}

impl JsonSchema for Exact {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExactNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "description": "An exact decimal number: not to be read as a float.",
            "examples": [15.00],
        })
    }
}

/// A price as a caller writes it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Price(Box<RawValue>);

impl JsonSchema for Price {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Price".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0,
            "description": "A decimal number with at most as many decimals as its currency has, and no exponent.",
            "examples": [15.00],
        })
    }
}

impl Price {
    /// The amount in a currency.
    ///
    /// # Errors
    /// Not a number, one with an exponent, or with more decimals than the currency has.
    pub fn amount(&self, currency: Currency) -> Result<Money, ApiError> {
        let digits = self.0.get();
        // The grammar of JSON leaves the exponent and what is no number at all.
        let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
        if !plain {
            let text = "`price` is a number such as 15 or 15.00, without quotes and exponent";
            return Err(ApiError::new("amount_malformed", text));
        }
        fields::money(digits, currency)
    }
}

/// A field that may be left out, be null, or have a value.
///
/// # Errors
/// A value of another shape.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    reader: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(reader).map(Some)
}

/// A name that is a number to those who count and a text to the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Name {
    /// A number.
    Number(u64),
    /// A text.
    Text(String),
}

impl Name {
    /// The name of a text: digits that a number would be written with are one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        // Beyond this a reader that knows floats alone would see another number.
        const MOST: u64 = 1 << 53;
        match text.parse::<u64>() {
            Ok(number) if number.to_string() == text && number <= MOST => Self::Number(number),
            Ok(_) | Err(_) => Self::Text(text.to_owned()),
        }
    }

    /// The name as a text.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, currency: Currency) -> Result<String, &'static str> {
        let price: Price = serde_json::from_str(json).unwrap();
        price.amount(currency).map(|money| money.to_string()).map_err(|error| error.code)
    }

    #[test]
    fn a_price_is_read_digit_by_digit() {
        let usd = |json| read(json, Currency::USD);
        assert_eq!(usd("15"), Ok("15.00 USD".into()));
        assert_eq!(usd("0.1"), Ok("0.10 USD".into()));
        assert_eq!(usd("0.30000000000000004"), Err("amount_too_precise"));
        assert_eq!(usd("9007199254740.93"), Ok("9007199254740.93 USD".into()));
        assert_eq!(read("15.5", Currency::JPY), Err("amount_too_precise"));
        assert_eq!(read("4.625", Currency::KWD), Ok("4.625 KWD".into()));
        for malformed in ["1e2", "1E2", "\"15\"", "true", "[15]", "{}"] {
            assert_eq!(usd(malformed), Err("amount_malformed"), "{malformed}");
        }
        assert_eq!(usd("99999999999999999999"), Err("amount_too_large"));
    }

    #[test]
    fn a_number_is_written_with_every_digit() {
        let written = |amount: &str, code: &str| {
            let money = Money::parse(amount, code.parse().unwrap()).unwrap();
            serde_json::to_string(&Exact::of(money).unwrap()).unwrap()
        };
        assert_eq!(written("15", "USD"), "15.00");
        assert_eq!(written("9007199254740.93", "USD"), "9007199254740.93");
        assert_eq!(written("1500", "JPY"), "1500");
        assert_eq!(written("4.6", "KWD"), "4.600");
    }

    #[test]
    fn digits_are_a_number_where_no_digit_is_lost() {
        for (text, number) in
            [("3", Some(3)), ("0", Some(0)), ("007", None), ("99999999999999999", None)]
        {
            let expected = number.map_or(Name::Text(text.to_owned()), Name::Number);
            assert_eq!(Name::of(text), expected, "{text}");
            assert_eq!(Name::of(text).text(), text);
        }
    }
}
