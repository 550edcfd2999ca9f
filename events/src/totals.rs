//! Totals: where amounts become invoices and credit notes.
//!
//! One function taxes the lines of a checkout, a preview, an invoice ([`taxed`]), and one takes a
//! part of a line back ([`taken_back`]). Discounts are off before tax. Each rate is reckoned once,
//! on the sum, and spread over the lines by largest remainder; whoever takes back everything that
//! is left of a line takes exactly that, so the last credit note closes its invoice to zero.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    money::{Currency, Money, MoneyError},
    tax::{RateCharged, Tax},
};

/// One tax on an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxAmount {
    /// Which tax, at which rate.
    pub rate: RateCharged,
    /// What it is reckoned on, before tax.
    pub base: Money,
    /// The tax.
    pub amount: Money,
}

/// An amount with its taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taxed {
    /// In the terms of the price list: with tax inside where prices hold tax, else before it.
    pub amount: Money,
    /// Before tax.
    pub net: Money,
    /// Each tax, in the order of the treatment's rates.
    pub taxes: Vec<TaxAmount>,
    /// With tax.
    pub total: Money,
}

/// The sums of a document or a quote: `total = net + tax`, and `net = price − discount` where tax
/// comes on top of prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// List prices.
    pub price: Money,
    /// What coupons take off.
    pub discount: Money,
    /// Before tax.
    pub net: Money,
    /// Each tax.
    pub taxes: Vec<TaxAmount>,
    /// Every tax together.
    pub tax: Money,
    /// With tax: what there is to pay.
    pub total: Money,
}

impl Totals {
    /// Sums lines, each with its price and its discount.
    ///
    /// # Errors
    /// Mixed currencies, or a sum out of bounds.
    pub fn of<'t>(
        currency: Currency,
        tax: &Tax,
        lines: impl IntoIterator<Item = (Money, Money, &'t Taxed)>,
    ) -> Result<Self, MoneyError> {
        let zero = Money::zero(currency);
        let none = |rate: &RateCharged| TaxAmount { rate: rate.clone(), base: zero, amount: zero };
        let taxes = tax.rates.iter().map(none).collect();
        let empty = Self { price: zero, discount: zero, net: zero, taxes, tax: zero, total: zero };
        lines
            .into_iter()
            .try_fold(empty, |sums, (price, discount, line)| sums.plus(price, discount, line))
    }

    fn plus(mut self, price: Money, discount: Money, line: &Taxed) -> Result<Self, MoneyError> {
        self.price = self.price.plus(price)?;
        self.discount = self.discount.plus(discount)?;
        self.net = self.net.plus(line.net)?;
        self.total = self.total.plus(line.total)?;
        for (sum, tax) in self.taxes.iter_mut().zip(&line.taxes) {
            sum.base = sum.base.plus(tax.base)?;
            sum.amount = sum.amount.plus(tax.amount)?;
            self.tax = self.tax.plus(tax.amount)?;
        }
        Ok(self)
    }
}

/// Taxes amounts that stand on one document.
///
/// # Errors
/// Mixed currencies, or a sum out of bounds.
pub fn taxed(currency: Currency, tax: &Tax, amounts: &[Money]) -> Result<Vec<Taxed>, MoneyError> {
    let sum = Money::sum(currency, amounts.iter().copied())?;
    let spread = |rate: &RateCharged| tax.on(rate, sum)?.spread(amounts);
    let shares = tax.rates.iter().map(spread).collect::<Result<Vec<_>, _>>()?;
    let line = |(index, amount): (usize, &Money)| {
        let taxes: Vec<Money> = shares.iter().map(|share| share[index]).collect();
        with_taxes(tax, *amount, &taxes)
    };
    amounts.iter().enumerate().map(line).collect()
}

/// Takes back `amount` of what is left of a line: its taxes at their rates, never more than is
/// left of each, and everything where `amount` is all that is left.
///
/// # Errors
/// Another currency.
pub fn taken_back(tax: &Tax, left: &Taxed, amount: Money) -> Result<Taxed, MoneyError> {
    if left.amount.minus(amount)?.minor() <= 0 {
        return Ok(left.clone());
    }
    let of_rate = |left: &TaxAmount| tax.on(&left.rate, amount)?.smaller(left.amount);
    let taxes = left.taxes.iter().map(of_rate).collect::<Result<Vec<_>, _>>()?;
    with_taxes(tax, amount, &taxes)
}

fn with_taxes(tax: &Tax, amount: Money, taxes: &[Money]) -> Result<Taxed, MoneyError> {
    let all = Money::sum(amount.currency(), taxes.iter().copied())?;
    let (net, total) =
        if tax.inclusive { (amount.minus(all)?, amount) } else { (amount, amount.plus(all)?) };
    let tax_amount = |(rate, amount): (&RateCharged, &Money)| TaxAmount {
        rate: rate.clone(),
        base: net,
        amount: *amount,
    };
    let taxes = tax.rates.iter().zip(taxes).map(tax_amount).collect();
    Ok(Taxed { amount, net, taxes, total })
}

impl Taxed {
    /// What is left once a part was taken back.
    ///
    /// # Errors
    /// Another currency.
    pub fn less(&self, part: &Self) -> Result<Self, MoneyError> {
        let mut left = self.clone();
        left.amount = left.amount.minus(part.amount)?;
        left.net = left.net.minus(part.net)?;
        left.total = left.total.minus(part.total)?;
        for (left, part) in left.taxes.iter_mut().zip(&part.taxes) {
            left.base = left.base.minus(part.base)?;
            left.amount = left.amount.minus(part.amount)?;
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vat(percent: &str, inclusive: bool) -> Tax {
        Tax { inclusive, ..Tax::testing(&[("VAT", percent)]) }
    }

    fn total(lines: &[Taxed]) -> Money {
        Money::sum(Currency::EUR, lines.iter().map(|line| line.total)).unwrap()
    }

    #[test]
    fn indian_halves_are_reckoned_by_themselves() {
        let rupees = |text| Money::parse(text, Currency::INR).unwrap();
        let halves = Tax::testing(&[("CGST", "9"), ("SGST", "9")]);
        let line = &taxed(Currency::INR, &halves, &[rupees("299.03")]).unwrap()[0];
        assert_eq!(line.total, rupees("352.85"));
        let inside = Tax { inclusive: true, ..halves };
        let line = &taxed(Currency::INR, &inside, &[rupees("999.00")]).unwrap()[0];
        let taxes: Vec<_> = line.taxes.iter().map(|tax| tax.amount).collect();
        assert_eq!(taxes, [rupees("76.19"), rupees("76.19")]);
        assert_eq!((line.net, line.total), (rupees("846.62"), rupees("999.00")));
    }

    proptest! {
        #[test]
        fn parts_taken_back_in_any_order_close_a_line_to_zero(
            minors in prop::collection::vec(0_i128..100_000, 1..6),
            cuts in prop::collection::vec(0_i128..60_000, 0..8),
            percent in 0_u32..40, inclusive: bool,
        ) {
            let tax = vat(&percent.to_string(), inclusive);
            let money = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
            let amounts: Vec<_> = minors.into_iter().map(money).collect();
            let lines = taxed(Currency::EUR, &tax, &amounts).unwrap();
            let sum = Money::sum(Currency::EUR, amounts.iter().copied()).unwrap();
            let on_sum = tax.on(&tax.rates[0], sum).unwrap();
            let whole = if inclusive { sum } else { sum.plus(on_sum).unwrap() };
            prop_assert_eq!(total(&lines), whole);
            for line in lines {
                let mut left = line.clone();
                for cut in cuts.iter().copied().chain([i128::from(i32::MAX)]) {
                    let part = taken_back(&tax, &left, money(cut)).unwrap();
                    left = left.less(&part).unwrap();
                    prop_assert!(left.amount.minor() >= 0 && left.net.minor() >= 0);
                    prop_assert!(left.taxes.iter().all(|tax| tax.amount.minor() >= 0));
                }
                prop_assert!(left.total.is_zero() && left.net.is_zero());
            }
        }

        #[test]
        fn a_spread_sums_to_the_whole_and_strays_by_less_than_a_unit(
            minor in 0_i128..1_000_000, weights in prop::collection::vec(0_i128..10_000, 1..12),
        ) {
            let money = |minor| Money::from_minor(minor, Currency::EUR).unwrap();
            let whole: i128 = weights.iter().sum();
            let parts: Vec<_> = weights.iter().copied().map(money).collect();
            let parts = money(minor).spread(&parts).unwrap();
            prop_assert_eq!(parts.iter().map(Money::minor).sum::<i128>(), minor);
            for (part, weight) in parts.iter().zip(weights).filter(|_| whole > 0) {
                prop_assert!((part.minor() * whole - minor * weight).abs() < whole);
            }
        }
    }
}
