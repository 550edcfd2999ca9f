//! Coupons: what a code gives, to whom, and how often.
//!
//! A redemption is reserved when an order is placed and free again when that order will not be
//! fulfilled, so two accounts that race for the last one have one winner. A discount comes off
//! before tax; a proration is never discounted again.

use std::{fmt, str::FromStr};

use imbl::{HashMap, OrdMap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    event::CouponEvent,
    ids::{AccountId, PlanId},
    money::{Currency, Money, MoneyError},
    percent::Percent,
    time::Timestamp,
};

/// The longest code.
const CODE_MAX: usize = 32;

/// Not a coupon's code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a coupon code is 3 to 32 letters, digits, `-` and `_`")]
pub struct NotACouponCode;

/// A coupon's code: capitals, digits, `-` and `_`. Lower case is read as capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CouponCode {
    // Invariant: ASCII, padded with zeros.
    bytes: [u8; CODE_MAX],
}

impl CouponCode {
    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = std::str::from_utf8(&self.bytes).expect("a coupon code is ASCII");
        text.trim_end_matches('\0')
    }
}

impl FromStr for CouponCode {
    type Err = NotACouponCode;

    fn from_str(text: &str) -> Result<Self, NotACouponCode> {
        let of_the_alphabet =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(3..=CODE_MAX).contains(&text.len()) || !text.bytes().all(of_the_alphabet) {
            return Err(NotACouponCode);
        }
        let mut bytes = [0; CODE_MAX];
        bytes[..text.len()].copy_from_slice(text.to_ascii_uppercase().as_bytes());
        Ok(Self { bytes })
    }
}

impl fmt::Display for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

crate::text::as_text!(CouponCode, {
    "pattern": "^[A-Za-z0-9_-]{3,32}$",
    "description": "A coupon's code; lower case is read as capitals.",
    "examples": ["SPRING10"],
});

/// What a coupon takes off the price of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CouponValue {
    /// A share of it.
    Percent(Percent),
    /// An amount, one per currency; never more than the price.
    Fixed(Vec<Money>),
}

/// For how many periods a coupon takes something off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CouponDuration {
    /// The first.
    Once,
    /// The first so many.
    Periods(u32),
    /// Every one.
    Forever,
}

/// What a coupon gives, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponTerms {
    /// What it takes off.
    pub value: CouponValue,
    /// For how many periods.
    pub duration: CouponDuration,
    /// The plans that it is good for; none is all of them.
    pub plans: Vec<PlanId>,
    /// How many orders may hold it, all accounts together; `null` is no bound.
    pub max_redemptions: Option<u32>,
    /// How many orders of one account may hold it; `null` is no bound.
    pub max_per_account: Option<u32>,
    /// The first instant of its offer; `null` is at once.
    pub valid_from: Option<Timestamp>,
    /// The first instant after its offer; `null` is never.
    pub expires_at: Option<Timestamp>,
}

/// The part of a coupon's value that counts in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DiscountValue {
    /// A share of the price.
    Percent(Percent),
    /// An amount, never more than the price.
    Fixed(Money),
}

impl DiscountValue {
    /// What it takes off a price, rounded once.
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn off(self, price: Money) -> Result<Money, MoneyError> {
        match self {
            Self::Percent(percent) => percent.of(price),
            Self::Fixed(amount) => amount.smaller(price),
        }
    }
}

/// A discount on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Discount {
    /// Whose.
    pub coupon: CouponCode,
    /// By what.
    pub value: DiscountValue,
    /// What it takes off the line's price.
    pub amount: Money,
}

/// A coupon's discount as a subscription holds it, unmoved by the coupon's later fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldDiscount {
    /// Whose.
    pub coupon: CouponCode,
    /// By what.
    pub value: DiscountValue,
    /// How many periods are still discounted; `null` is every one.
    pub periods_left: Option<u32>,
    /// The plans that it is good for; none is all of them.
    pub plans: Vec<PlanId>,
}

impl HeldDiscount {
    /// The discount on a period of a plan, where there is one.
    fn on(&self, plan: PlanId, price: Money) -> Result<Option<Discount>, MoneyError> {
        if !good_for(&self.plans, plan) {
            return Ok(None);
        }
        let amount = self.value.off(price)?;
        let discount = Discount { coupon: self.coupon, value: self.value, amount };
        Ok(Some(discount).filter(|discount| discount.amount.is_positive()))
    }

    /// Uses a held discount, where there is one, for a period of a plan: what it takes off, and what
    /// is left of it for later periods. A period that it takes nothing off does not use it up.
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn use_up(
        held: Option<Self>,
        plan: PlanId,
        price: Money,
    ) -> Result<(Option<Discount>, Option<Self>), MoneyError> {
        let Some(held) = held else { return Ok((None, None)) };
        Ok(match held.on(plan, price)? {
            Some(discount) => (Some(discount), held.after_a_period()),
            None => (None, Some(held)),
        })
    }

    /// What is left once a period has been billed; `None` where that was the last.
    fn after_a_period(self) -> Option<Self> {
        match self.periods_left {
            None => Some(self),
            Some(0 | 1) => None,
            Some(n) => Some(Self { periods_left: Some(n - 1), ..self }),
        }
    }
}

fn good_for(plans: &[PlanId], plan: PlanId) -> bool {
    plans.is_empty() || plans.contains(&plan)
}

/// A coupon's state.
#[derive(Debug, Clone)]
pub struct Coupon {
    /// The version of its stream.
    pub version: i64,
    /// Its terms.
    pub terms: CouponTerms,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// How many orders hold it.
    pub redemptions: u32,
    by_account: HashMap<AccountId, u32>,
}

impl Coupon {
    /// How many orders of an account hold it.
    #[must_use]
    pub fn redemptions_of(&self, account: AccountId) -> u32 {
        self.by_account.get(&account).copied().unwrap_or(0)
    }

    /// Whether it is good for a plan.
    #[must_use]
    pub fn is_good_for(&self, plan: PlanId) -> bool {
        good_for(&self.terms.plans, plan)
    }

    /// The discount that an order in a currency would hold; `None` where the coupon has no amount
    /// in it.
    #[must_use]
    pub fn held(&self, code: CouponCode, currency: Currency) -> Option<HeldDiscount> {
        let value = match &self.terms.value {
            CouponValue::Percent(percent) => DiscountValue::Percent(*percent),
            CouponValue::Fixed(amounts) => {
                let amount = amounts.iter().find(|amount| amount.currency() == currency)?;
                DiscountValue::Fixed(*amount)
            }
        };
        let periods_left = match self.terms.duration {
            CouponDuration::Once => Some(1),
            CouponDuration::Periods(n) => Some(n),
            CouponDuration::Forever => None,
        };
        let plans = self.terms.plans.clone();
        Some(HeldDiscount { coupon: code, value, periods_left, plans })
    }
}

/// Every coupon.
#[derive(Debug, Clone, Default)]
pub struct Coupons {
    by_code: OrdMap<CouponCode, Coupon>,
}

impl Coupons {
    /// A coupon by its code.
    #[must_use]
    pub fn get(&self, code: CouponCode) -> Option<&Coupon> {
        self.by_code.get(&code)
    }

    /// Takes in one of a coupon's events.
    pub fn evolve(&mut self, code: CouponCode, event: &CouponEvent, version: i64) {
        if let CouponEvent::CouponOffered(offered) = event {
            let coupon = Coupon {
                version,
                terms: offered.terms.clone(),
                withdrawn: false,
                redemptions: 0,
                by_account: HashMap::new(),
            };
            self.by_code.insert(code, coupon);
            return;
        }
        let Some(coupon) = self.by_code.get_mut(&code) else { return };
        coupon.version = version;
        match event {
            CouponEvent::CouponOffered(_) => {}
            CouponEvent::CouponRedeemed(redeemed) => {
                coupon.redemptions += 1;
                *coupon.by_account.entry(redeemed.account_id).or_default() += 1;
            }
            CouponEvent::CouponReleased(released) => {
                coupon.redemptions = coupon.redemptions.saturating_sub(1);
                let held = coupon.by_account.entry(released.account_id).or_default();
                *held = held.saturating_sub(1);
            }
            CouponEvent::CouponWithdrawn(_) => coupon.withdrawn = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_any_case_and_printed_in_capitals() {
        let code: CouponCode = "save-10_x".parse().unwrap();
        assert_eq!(code.to_string(), "SAVE-10_X");
        let json = serde_json::to_string(&code).unwrap();
        assert_eq!(serde_json::from_str::<CouponCode>(&json).unwrap(), code);
        for text in ["", "ab", "a b c", "ä23", &"A".repeat(33), "SAVE\0"] {
            assert!(text.parse::<CouponCode>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_fixed_discount_never_exceeds_the_price() {
        let usd = |text| Money::parse(text, Currency::USD).unwrap();
        assert_eq!(DiscountValue::Fixed(usd("20")).off(usd("15")), Ok(usd("15")));
        assert_eq!(DiscountValue::Fixed(usd("2")).off(usd("15")), Ok(usd("2")));
        let third = DiscountValue::Percent("33.3333".parse().unwrap());
        assert_eq!(third.off(usd("15")), Ok(usd("5.00")));
    }
}
