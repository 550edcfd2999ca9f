//! Sums as Razorpay takes them: minor units, as whole numbers, within its limits.
//!
//! What it cannot take is refused here, in words, before anything is sent.

use daybook_events::{Currency, Money};

use crate::processors::client::Unanswered;

/// The least that Razorpay moves in rupees: 1.00 INR.
const LEAST_PAISE: i64 = 100;

/// A sum in minor units.
///
/// # Errors
/// One that Razorpay does not take: nothing, less than one rupee, a third decimal that is not 0.
pub(super) fn minor(amount: Money) -> Result<i64, Unanswered> {
    let refused = |why: &str| {
        let text = format!("Razorpay cannot move {amount}: {why}");
        Err(Unanswered::Refused { status: 400, text })
    };
    let Ok(minor) = i64::try_from(amount.minor()) else { return refused("it is too large") };
    let rupees: Currency = Currency::INR;
    match () {
        () if minor <= 0 => refused("it is not more than nothing"),
        () if amount.currency() == rupees && minor < LEAST_PAISE => {
            refused("the least is 1.00 INR")
        }
        () if amount.currency().exponent() == 3 && minor % 10 != 0 => {
            refused("of three decimals the last has to be 0")
        }
        () => Ok(minor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, currency: &str) -> Result<i64, String> {
        let currency = currency.parse().unwrap();
        minor(Money::parse(text, currency).unwrap()).map_err(|refused| refused.to_string())
    }

    #[test]
    fn sums_go_in_the_minor_units_of_their_currency() {
        assert_eq!(said("1180", "INR"), Ok(118_000));
        assert_eq!(said("1", "INR"), Ok(100));
        assert_eq!(said("0.50", "USD"), Ok(50));
        assert_eq!(said("295", "JPY"), Ok(295));
        assert_eq!(said("99.990", "KWD"), Ok(99_990));
    }

    #[test]
    fn what_razorpay_cannot_take_is_refused_in_words() {
        for (text, currency, word) in [
            ("99.991", "KWD", "the last has to be 0"),
            ("0.99", "INR", "1.00 INR"),
            ("0", "USD", "nothing"),
            ("-1", "USD", "nothing"),
        ] {
            let refused = said(text, currency).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
