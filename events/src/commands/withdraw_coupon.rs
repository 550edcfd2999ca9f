//! Take a coupon off offer. Discounts already held go on.

use crate::{
    coupon::CouponCode, draft::Draft, envelope::StreamId, event::CouponWithdrawn,
    rejection::Rejection,
};

/// Take a coupon off offer.
#[derive(Debug, Clone)]
pub struct WithdrawCoupon {
    /// Its code.
    pub code: CouponCode,
}

impl WithdrawCoupon {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let code = self.code;
        let coupon = draft.world().coupons.get(code).ok_or(Rejection::CouponUnknown)?;
        if coupon.withdrawn {
            return Err(Rejection::CouponWithdrawn { coupon: code });
        }
        draft.record(StreamId::Coupon(code), CouponWithdrawn { code })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_coupon_is_withdrawn_once_and_discounts_already_held_go_on() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10")).and_paid();
        let given = given.and(withdraw("SAVE10"));
        given.clone().when(withdraw("SAVE10")).rejected("coupon_withdrawn");
        given_account().when(withdraw("NONE")).rejected("coupon_unknown");
        let then = given.at("2026-06-01T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "13.50 USD");
    }
}
