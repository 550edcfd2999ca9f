//! Tables as they leave the ledger: columns with a type, rows of cells, and the sums that prove a
//! copy whole.
//!
//! A row is written twice from the same cells, as CSV and as a line of JSON, so the two files of a
//! table cannot say different things. In CSV an amount is a number and nothing is an empty cell; in
//! JSON an amount is a string, so that no reader makes a float of it, and nothing is `null`.

use std::collections::BTreeMap;

use daybook_events::{Currency, Money};
use rust_decimal::Decimal;

use crate::csv_cells::defused;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words of people and processors: defused in CSV.
    Text,
    /// Our own ids, numbers, codes, dates and instants.
    Plain,
    /// An amount in the currency of the row's column `currency`, with every digit it has.
    Amount,
    /// A whole number.
    Count,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// Words of people and processors.
    Text(String),
    /// Something of ours.
    Plain(String),
    /// An amount, with every decimal of its currency.
    Amount(Decimal, Currency),
    /// A whole number.
    Count(i64),
}

impl From<Money> for Cell {
    fn from(money: Money) -> Self {
        Self::Amount(money.amount(), money.currency())
    }
}

impl Cell {
    /// Something of ours that is printed.
    pub fn plain(value: impl std::fmt::Display) -> Self {
        Self::Plain(value.to_string())
    }

    /// Something of ours that may be missing.
    pub fn maybe(value: Option<impl std::fmt::Display>) -> Self {
        value.map_or(Self::Null, Self::plain)
    }

    /// Words.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }

    /// Words that may be missing.
    pub fn maybe_text(words: Option<impl Into<String>>) -> Self {
        words.map_or(Self::Null, Self::text)
    }

    /// Whether it may stand in a column of a kind.
    #[must_use]
    pub fn fits(&self, kind: Kind) -> bool {
        match self {
            Self::Null => true,
            Self::Text(_) => kind == Kind::Text,
            Self::Plain(_) => kind == Kind::Plain,
            Self::Amount(..) => kind == Kind::Amount,
            Self::Count(_) => kind == Kind::Count,
        }
    }

    /// As a field of CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(words) => defused(words).into_owned(),
            Self::Plain(text) => text.clone(),
            Self::Amount(amount, _) => amount.to_string(),
            Self::Count(count) => count.to_string(),
        }
    }

    /// As a value of JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) | Self::Plain(text) => text.as_str().into(),
            Self::Amount(amount, _) => amount.to_string().into(),
            Self::Count(count) => (*count).into(),
        }
    }
}

/// A row as a line of JSON, its fields in the order of the columns, with its line feed.
#[must_use]
pub fn json_line(columns: &[Column], cells: &[Cell]) -> String {
    let mut line = String::with_capacity(cells.len() * 24);
    for (nth, (column, cell)) in columns.iter().zip(cells).enumerate() {
        line.push(if nth == 0 { '{' } else { ',' });
        line.push_str(&format!("\"{}\":{}", column.name, cell.json()));
    }
    line.push_str("}\n");
    line
}

/// The sums of a table's amounts, by currency and column, in minor units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<Currency, BTreeMap<&'static str, i128>>);

/// Control totals as a manifest says them: by currency, then by column, in major units.
pub type ControlTotals = BTreeMap<String, BTreeMap<String, String>>;

impl Sums {
    /// Adds an amount of a column, in minor units.
    pub fn add(&mut self, column: &'static str, currency: Currency, minor: i128) {
        *self.0.entry(currency).or_default().entry(column).or_default() += minor;
    }

    /// As a manifest says them.
    #[must_use]
    pub fn told(&self) -> ControlTotals {
        let told = |currency: Currency, sums: &BTreeMap<&'static str, i128>| {
            let columns = sums.iter();
            columns.map(|(name, sum)| ((*name).to_owned(), major(*sum, currency))).collect()
        };
        self.0
            .iter()
            .map(|(currency, sums)| (currency.to_string(), told(*currency, sums)))
            .collect()
    }
}

/// The minor units of an amount that has every decimal of its currency; `None` for one that has
/// more or fewer.
#[must_use]
pub fn minor(amount: Decimal, currency: Currency) -> Option<i128> {
    (amount.scale() == currency.exponent()).then(|| amount.mantissa())
}

/// Minor units as text in major ones, with every digit of the currency. Sums may be larger than any
/// single amount.
#[must_use]
pub fn major(minor: i128, currency: Currency) -> String {
    Decimal::try_from_i128_with_scale(minor, currency.exponent())
        .map_or_else(|_| format!("{minor}e-{}", currency.exponent()), |sum| sum.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: &str, currency: &str) -> Money {
        Money::parse(amount, currency.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_row_says_the_same_in_both_forms() {
        const COLUMNS: &[Column] = &[
            Column { name: "id", kind: Kind::Plain },
            Column { name: "why", kind: Kind::Text },
            Column { name: "amount", kind: Kind::Amount },
            Column { name: "days", kind: Kind::Count },
            Column { name: "at", kind: Kind::Plain },
        ];
        let cells = [
            Cell::plain("ref_1"),
            Cell::text("=1+1 \"x\"\n"),
            money("1.500", "KWD").into(),
            Cell::Count(-3),
            Cell::Null,
        ];
        assert!(cells.iter().zip(COLUMNS).all(|(cell, column)| cell.fits(column.kind)));
        let csv: Vec<_> = cells.iter().map(Cell::csv).collect();
        assert_eq!(csv, ["ref_1", "'=1+1 \"x\"\n", "1.500", "-3", ""]);
        assert_eq!(
            json_line(COLUMNS, &cells),
            "{\"id\":\"ref_1\",\"why\":\"=1+1 \\\"x\\\"\\n\",\"amount\":\"1.500\",\"days\":-3,\"at\":null}\n"
        );
        assert!(!Cell::text("x").fits(Kind::Plain));
    }

    #[test]
    fn sums_go_by_currency_and_have_every_digit() {
        let mut sums = Sums::default();
        for (amount, currency) in
            [("0.10", "USD"), ("0.20", "USD"), ("7", "JPY"), ("0.001", "KWD"), ("-0.30", "USD")]
        {
            let money = money(amount, currency);
            sums.add("amount", money.currency(), money.minor());
        }
        let told = serde_json::to_string(&sums.told()).unwrap();
        assert_eq!(
            told,
            r#"{"JPY":{"amount":"7"},"KWD":{"amount":"0.001"},"USD":{"amount":"0.00"}}"#
        );
        assert_eq!(major(-5, "USD".parse().unwrap()), "-0.05");
        assert_eq!(major(10_i128.pow(20), "USD".parse().unwrap()), "1000000000000000000.00");
    }
}
