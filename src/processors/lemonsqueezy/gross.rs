//! Lemon Squeezy's sums and ours.
//!
//! It sells: its totals hold its tax, while the ledger books a payment without. What a part of a
//! payment is to one is to the other the same share of the whole: multiplied first, divided once,
//! rounded once, half away from zero. The whole is exactly the whole.

use daybook_events::{Money, money::MoneyError};

/// The part of `other` that `part` is of `whole`: what a refund of a part of our booked amount is of
/// Lemon Squeezy's total, or the other way round.
///
/// # Errors
/// A whole of nothing, a part in another currency than its whole, too large.
pub fn same_share(part: Money, whole: Money, other: Money) -> Result<Money, MoneyError> {
    // Refuses a part in another currency.
    whole.minus(part)?;
    let small = |money: Money| i64::try_from(money.minor()).map_err(|_| MoneyError::TooLarge);
    other.ratio(small(part)?, small(whole)?)
}

#[cfg(test)]
mod tests {
    use daybook_events::Currency;
    use proptest::prelude::*;

    use super::*;

    fn usd(minor: i128) -> Money {
        Money::from_minor(minor, Currency::USD).unwrap()
    }

    #[test]
    fn a_share_with_tax_on_top_is_rounded_half_away_once() {
        // 15.00 booked of a total of 18.00: a refund of 0.37 is 0.444 of theirs.
        assert_eq!(same_share(usd(37), usd(1500), usd(1800)), Ok(usd(44)));
        assert_eq!(same_share(usd(1), usd(2), usd(3)), Ok(usd(2)));
        let yen = Money::from_minor(1, Currency::JPY).unwrap();
        assert!(same_share(yen, usd(2), usd(3)).is_err());
        assert!(same_share(usd(0), usd(0), usd(3)).is_err());
    }

    /// What was booked, their total with up to a third of tax, and refunds that sum to at most what
    /// was booked.
    fn refunds() -> impl Strategy<Value = (i128, i128, Vec<i128>)> {
        let sums = (1_i128..1_000_000_000).prop_flat_map(|a| (Just(a), a..=a + a / 3 + 1));
        let weights = prop::collection::vec(1_i128..1000, 1..8);
        (sums, weights, any::<bool>()).prop_map(|((booked, total), weights, all)| {
            let whole = weights.iter().sum::<i128>() + i128::from(!all);
            let mut parts: Vec<_> = weights.iter().map(|weight| booked * weight / whole).collect();
            if all {
                let rest = booked - parts.iter().sum::<i128>();
                *parts.last_mut().unwrap() += rest;
            }
            (booked, total, parts)
        })
    }

    proptest! {
        #[test]
        fn a_full_refund_is_exact(booked in 1_i128..1_000_000_000_000, total in 0_i128..1_000_000_000_000) {
            prop_assert_eq!(same_share(usd(booked), usd(booked), usd(total)), Ok(usd(total)));
        }

        /// Each refund brings what went back to the share of the sum so far: so the steps never
        /// exceed the total, never go back, and end at exactly the total.
        #[test]
        fn partial_refunds_never_exceed_the_total((booked, total, parts) in refunds()) {
            let (mut ours, mut theirs) = (0, 0);
            for part in parts {
                ours += part;
                let target = same_share(usd(ours), usd(booked), usd(total)).unwrap().minor();
                prop_assert!(target >= theirs && target <= total, "{} {} {}", target, theirs, total);
                theirs = target;
            }
            prop_assert!(ours < booked || theirs == total);
        }

        /// What Lemon Squeezy tells of a refund of ours is that refund again, to the minor unit.
        #[test]
        fn there_and_back_is_the_same((booked, total, parts) in refunds()) {
            let ours = usd(parts.iter().sum());
            let theirs = same_share(ours, usd(booked), usd(total)).unwrap();
            prop_assert_eq!(same_share(theirs, usd(total), usd(booked)), Ok(ours));
        }
    }
}
