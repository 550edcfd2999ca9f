//! Put a coupon on offer. Its terms never change.

use crate::{
    coupon::{CouponCode, CouponDuration, CouponTerms, CouponValue},
    draft::Draft,
    envelope::StreamId,
    event::CouponOffered,
    rejection::Rejection,
    time::Timestamp,
};

/// Put a coupon on offer.
#[derive(Debug, Clone)]
pub struct OfferCoupon {
    /// The code that customers type.
    pub code: CouponCode,
    /// What it gives, and to whom.
    pub terms: CouponTerms,
}

impl OfferCoupon {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (code, terms) = (self.code, self.terms.clone());
        if draft.world().coupons.get(code).is_some() {
            return Err(Rejection::CouponCodeTaken { coupon: code });
        }
        if let Some(problem) = fault(&terms, draft.now()) {
            return Err(Rejection::CouponInvalid { problem: problem.to_owned() });
        }
        if let Some(plan) =
            terms.plans.iter().find(|id| draft.world().catalogue.get(**id).is_none())
        {
            return Err(Rejection::PlanUnknown { plan: plan.to_string() });
        }
        draft.record(StreamId::Coupon(code), CouponOffered { code, terms })
    }
}

/// What is wrong with terms: above all, whatever makes a coupon that nobody could ever use.
fn fault(terms: &CouponTerms, now: Timestamp) -> Option<&'static str> {
    let one_per_currency = |amounts: &[crate::Money]| {
        let mut seen = std::collections::HashSet::new();
        amounts.iter().all(|amount| amount.is_positive() && seen.insert(amount.currency()))
    };
    let value_stands = match &terms.value {
        CouponValue::Percent(percent) => !percent.is_zero(),
        CouponValue::Fixed(amounts) => !amounts.is_empty() && one_per_currency(amounts),
    };
    let never_valid = match (terms.valid_from, terms.expires_at) {
        (Some(from), Some(end)) => from >= end,
        (None, _) | (_, None) => false,
    };
    match () {
        () if !value_stands => {
            Some("a coupon takes off a percentage, or one positive amount per currency")
        }
        () if matches!(terms.duration, CouponDuration::Periods(0 | 1201..)) => {
            Some("a coupon lasts for 1 to 1200 periods, once, or for ever")
        }
        () if never_valid => Some("`expires_at` of a coupon is after `valid_from`"),
        () if terms.expires_at.is_some_and(|end| end <= now) => {
            Some("a coupon that has expired already is of no use")
        }
        () if [terms.max_redemptions, terms.max_per_account].contains(&Some(0)) => {
            Some("a coupon that may be used 0 times is of no use")
        }
        () if terms.plans.len() > 100 => Some("a coupon names at most 100 plans"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn a_code_is_offered_once() {
        let then = given_account().when(offer("SAVE10", "10"));
        then.recorded(&["coupon.offered"]);
        let given = given_account().and(offer("SAVE10", "10"));
        given.when(offer("save10", "20")).rejected("coupon_code_taken");
    }

    #[test]
    fn terms_that_make_no_sense_are_refused() {
        let refused =
            |terms| given_account().when(offer_on("SAVE", terms)).rejected("coupon_invalid");
        refused(coupon_terms("0"));
        refused(CouponTerms { value: CouponValue::Fixed(Vec::new()), ..coupon_terms("1") });
        let twice = CouponValue::Fixed(vec![usd("1"), usd("2")]);
        refused(CouponTerms { value: twice, ..coupon_terms("1") });
        refused(CouponTerms { duration: CouponDuration::Periods(0), ..coupon_terms("1") });
        let at = Some("2026-05-01T00:00:00Z".parse().unwrap());
        refused(CouponTerms { valid_from: at, expires_at: at, ..coupon_terms("1") });
    }

    #[test]
    fn a_coupon_that_nobody_could_ever_use_is_refused() {
        let refused =
            |terms| given_account().when(offer_on("SAVE", terms)).rejected("coupon_invalid");
        let now = Some("2026-05-01T00:00:00Z".parse().unwrap());
        refused(CouponTerms { expires_at: now, ..coupon_terms("1") });
        refused(CouponTerms { max_redemptions: Some(0), ..coupon_terms("1") });
        refused(CouponTerms { max_per_account: Some(0), ..coupon_terms("1") });
    }
}
