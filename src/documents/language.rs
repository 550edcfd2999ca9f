//! The languages that documents are printed in: their words, and how they write numbers and dates.

mod recorded;
mod tables;

use std::fmt;

use chrono::NaiveDate;
use daybook_events::{
    Currency, Money,
    country::{Country, indian_state},
    percent::Percent,
};
use serde::{Deserialize, Serialize};

use self::tables::{ENGLISH, FRENCH, GERMAN};
use super::paper::{Days, Kind};

/// A language of documents.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
}

/// The words of a language, and its way of writing numbers and dates.
#[derive(Debug)]
pub struct Words {
    /// Its tag, such as `en`.
    pub(super) tag: &'static str,
    thousands: char,
    decimal: char,
    /// Whether the sign of a currency stands before the number.
    sign_first: bool,
    /// Between a number and `%`.
    percent: &'static str,
    /// Between a name and its value.
    colon: &'static str,
    date: fn(NaiveDate) -> String,
    titles: [&'static str; 5],
    pub(super) issued_on: &'static str,
    pub(super) due_on: &'static str,
    pub(super) period: &'static str,
    pub(super) order: &'static str,
    pub(super) account: &'static str,
    pub(super) original: &'static str,
    pub(super) original_on: &'static str,
    pub(super) reason: &'static str,
    pub(super) from: &'static str,
    pub(super) bill_to: &'static str,
    pub(super) vat_id: &'static str,
    pub(super) tax_id: &'static str,
    pub(super) description: &'static str,
    pub(super) quantity: &'static str,
    pub(super) unit_price: &'static str,
    pub(super) discount: &'static str,
    pub(super) tax: &'static str,
    pub(super) amount: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) subtotal_with_tax: &'static str,
    pub(super) net: &'static str,
    /// Between a rate and its base.
    pub(super) on: &'static str,
    pub(super) total: &'static str,
    pub(super) paid: &'static str,
    pub(super) credit: &'static str,
    pub(super) credited: &'static str,
    pub(super) written_off: &'static str,
    pub(super) due: &'static str,
    pub(super) reduces_due: &'static str,
    pub(super) to_credit: &'static str,
    pub(super) to_refund: &'static str,
    pub(super) place_of_supply: &'static str,
    pub(super) no_reverse_charge: &'static str,
    pub(super) prices_with_tax: &'static str,
    pub(super) pro_forma: &'static str,
    pub(super) payments: &'static str,
    pub(super) paid_on: &'static str,
    pub(super) paid_by: &'static str,
    pub(super) reference: &'static str,
    pub(super) how_to_pay: &'static str,
    pub(super) page: &'static str,
    pub(super) of: &'static str,
    pub(super) logo_of: &'static str,
    /// That the buyer owes the tax: article 226, point 11a, of Directive 2006/112/EC has a wording
    /// for it in each language.
    pub(super) reverse_charge: &'static str,
    /// Why a seller in the European Union charges a buyer outside of it nothing.
    outside_union: &'static str,
    pub(super) not_subject: &'static str,
    pub(super) export: &'static str,
    /// Before and after the name of a merchant of record.
    merchant_of_record: [&'static str; 2],
    pub(super) taxes_follow: &'static str,
    plan_changed: &'static str,
    refund: &'static str,
    ended: &'static str,
    correction: &'static str,
    monthly: &'static str,
    yearly: &'static str,
    /// Which part of a plan a line is for.
    rest_of_period: &'static str,
    at_plan_change: &'static str,
    further_charge: &'static str,
    by_hand: &'static str,
    pub(super) no_due_day: &'static str,
}

impl Language {
    /// Its words.
    #[must_use]
    pub fn words(self) -> &'static Words {
        match self {
            Self::En => &ENGLISH,
            Self::De => &GERMAN,
            Self::Fr => &FRENCH,
        }
    }
}

/// The currencies whose sign is theirs alone; all others are named by their code.
const SIGNS: &[(&str, &str)] = &[
    ("USD", "$"),
    ("EUR", "€"),
    ("GBP", "£"),
    ("INR", "₹"),
    ("JPY", "¥"),
    ("KRW", "₩"),
    ("TRY", "₺"),
    ("RUB", "₽"),
    ("UAH", "₴"),
    ("ILS", "₪"),
    ("VND", "₫"),
    ("NGN", "₦"),
    ("KZT", "₸"),
    ("PHP", "₱"),
];

fn sign(currency: Currency) -> Option<&'static str> {
    SIGNS.iter().find(|(code, _)| *code == currency.as_str()).map(|(_, sign)| *sign)
}

/// The names of countries: code, then English, German and French; from the Unicode CLDR.
static COUNTRIES: &str = include_str!("../../assets/countries.csv");

impl Words {
    /// What a document is called.
    #[must_use]
    pub fn title(&self, kind: Kind) -> &'static str {
        let [invoice, credit_note, receipt, receipt_note, pro_forma] = self.titles;
        match kind {
            Kind::Invoice => invoice,
            Kind::CreditNote => credit_note,
            Kind::Receipt => receipt,
            Kind::ReceiptNote => receipt_note,
            Kind::ProForma => pro_forma,
        }
    }

    /// An amount with every digit of its currency, grouped by thousands, with the currency's sign
    /// or code.
    #[must_use]
    pub fn money(&self, money: Money) -> String {
        let currency = money.currency();
        let minor = money.minor();
        let digits = self.grouped(minor.unsigned_abs(), currency.exponent());
        let minus = if minor < 0 { "-" } else { "" };
        match (sign(currency), self.sign_first) {
            (Some(sign), true) => format!("{minus}{sign}{digits}"),
            (None, true) => format!("{minus}{currency} {digits}"),
            (sign, false) => format!("{minus}{digits} {}", sign.unwrap_or(currency.as_str())),
        }
    }

    /// The same with its sign turned: what is taken away.
    #[must_use]
    pub fn less(&self, money: Money) -> String {
        let turned = Money::from_minor(-money.minor(), money.currency());
        self.money(turned.unwrap_or(money))
    }

    fn grouped(&self, minor: u128, exponent: u32) -> String {
        let unit = 10_u128.pow(exponent);
        let whole = self.count(minor / unit);
        match usize::try_from(exponent).unwrap_or(0) {
            0 => whole,
            places => format!("{whole}{}{:0places$}", self.decimal, minor % unit),
        }
    }

    /// A whole number, grouped by thousands.
    fn count(&self, number: u128) -> String {
        let digits = number.to_string();
        let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(self.thousands);
            }
            grouped.push(digit);
        }
        grouped
    }

    /// How many.
    #[must_use]
    pub fn quantity_of(&self, quantity: u32) -> String {
        self.count(quantity.into())
    }

    /// A rate.
    #[must_use]
    pub fn rate(&self, percent: Percent) -> String {
        let digits = percent.to_string().replace('.', &self.decimal.to_string());
        format!("{digits}{}%", self.percent)
    }

    /// A country's name.
    #[must_use]
    pub fn country(&self, code: &str) -> Option<&'static str> {
        let column = match self.tag {
            "de" => 2,
            "fr" => 3,
            _ => 1,
        };
        let country: Country = code.parse().ok()?;
        let row = COUNTRIES.lines().find(|row| row.starts_with(country.as_str()))?;
        row.split(';').nth(column)
    }

    /// Where a supply counts as made, with its code: a State of India, else a country.
    #[must_use]
    pub fn place(&self, place: &str) -> String {
        let state = place.starts_with("IN-").then(|| indian_state(place)).flatten();
        if let Some(state) = state {
            return format!("{} ({})", state.name, state.code);
        }
        let country = place.split('-').next().and_then(|code| self.country(code));
        country.map_or_else(|| place.to_owned(), |name| format!("{name} ({place})"))
    }

    /// What something is, and its value.
    #[must_use]
    pub fn labelled(&self, label: &str, value: impl fmt::Display) -> String {
        format!("{label}{}{value}", self.colon)
    }

    /// What a country's tax id is called.
    #[must_use]
    pub fn tax_id_of(&self, country: &str) -> &'static str {
        match country.parse::<Country>() {
            Ok(Country::INDIA) => "GSTIN",
            Ok(country) if country.is_in_eu_vat() || country.as_str() == "GB" => self.vat_id,
            Ok(_) | Err(_) => self.tax_id,
        }
    }

    /// A day.
    #[must_use]
    pub fn day(&self, day: NaiveDate) -> String {
        (self.date)(day)
    }

    /// Days of service, from the first to the last.
    #[must_use]
    pub fn days(&self, days: Days) -> String {
        if days.first == days.last {
            return self.day(days.first);
        }
        format!("{} – {}", self.day(days.first), self.day(days.last))
    }
}
