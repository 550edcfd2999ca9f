//! Amounts that people agree on, in the currencies that the seller sells in.

use daybook_events::{Currency, Money};

/// A small amount in a currency that the seller sells in.
pub(super) fn goodwill(currency: Currency) -> Option<Money> {
    amount(currency, ["2", "2", "150", "300", "0.750"])
}

/// What a large customer agrees to pay.
pub(super) fn agreed_price(currency: Currency) -> Option<Money> {
    amount(currency, ["249", "229", "19999", "36500", "74.125"])
}

fn amount(currency: Currency, texts: [&str; 5]) -> Option<Money> {
    let currencies = [Currency::USD, Currency::EUR, Currency::INR, Currency::JPY, Currency::KWD];
    let (_, text) = currencies.into_iter().zip(texts).find(|(it, _)| *it == currency)?;
    Money::parse(text, currency).ok()
}
