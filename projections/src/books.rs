//! What finance reads, reckoned from the journal: pure accumulators over its entries and rows.
//!
//! Each takes rows or entries in any order, keeps sums only, and gives rows of plain columns with
//! stable names, sorted. Amounts are decimals in major units with every decimal of their currency.

pub mod ageing;
pub mod deferred;
pub mod roll_forward;
pub mod ties;
pub mod trial_balance;

use daybook_events::Currency;
use rust_decimal::Decimal;

/// An amount of minor units in major units, with every decimal of the currency.
#[must_use]
pub fn decimal(minor: i128, currency: Currency) -> Decimal {
    // Sums of fewer than 10^13 amounts of at most 10^15 units fit a decimal's 96 bits.
    Decimal::try_from_i128_with_scale(minor, currency.exponent()).unwrap_or(Decimal::MAX)
}

#[cfg(test)]
mod tests;
