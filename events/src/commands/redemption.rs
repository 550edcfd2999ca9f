//! Redemptions of coupons: reserved with an order, free again when it will not be fulfilled.

use crate::{
    account::Account,
    coupon::{CouponCode, HeldDiscount},
    draft::Draft,
    envelope::StreamId,
    event::{CouponRedeemed, CouponReleased, HeldPlan, OrderCancelReason, OrderCancelled},
    ids::OrderId,
    rejection::Rejection,
};

/// Reserves a redemption of a coupon for an order. An older order of the account that nobody paid
/// gives its own redemption of the same coupon up for it.
pub(super) fn redeem(
    draft: &mut Draft,
    account: &Account,
    text: &str,
    plan: &HeldPlan,
    order_id: OrderId,
) -> Result<HeldDiscount, Rejection> {
    let code: CouponCode = text.trim().parse().map_err(|_| Rejection::CouponUnknown)?;
    for order in account.orders.open().filter(|order| order.coupon() == Some(code)) {
        let reason = OrderCancelReason::Superseded;
        let cancelled = OrderCancelled { order_id: order.id, reason };
        draft.record(StreamId::Account(account.id), cancelled)?;
        release_coupon(draft, account, order.id)?;
    }
    let coupon = draft.world().coupons.get(code).ok_or(Rejection::CouponUnknown)?;
    let terms = &coupon.terms;
    let reached = |most: Option<u32>, count: u32| most.is_some_and(|most| count >= most);
    let now = draft.now();
    match () {
        () if coupon.withdrawn => return Err(Rejection::CouponWithdrawn { coupon: code }),
        () if terms.valid_from.is_some_and(|from| now < from) => {
            return Err(Rejection::CouponNotYetValid { coupon: code });
        }
        () if terms.expires_at.is_some_and(|end| now >= end) => {
            return Err(Rejection::CouponExpired { coupon: code });
        }
        () if !coupon.is_good_for(plan.plan_id) => {
            let plan = plan.slug.clone();
            return Err(Rejection::CouponForAnotherPlan { coupon: code, plan });
        }
        () if reached(terms.max_per_account, coupon.redemptions_of(account.id)) => {
            return Err(Rejection::CouponAlreadyUsed { coupon: code });
        }
        () if reached(terms.max_redemptions, coupon.redemptions) => {
            return Err(Rejection::CouponExhausted { coupon: code });
        }
        () => {}
    }
    let currency = account.currency;
    let held = coupon.held(code, currency);
    let held = held.ok_or(Rejection::CouponNotInCurrency { coupon: code, currency })?;
    let redeemed = CouponRedeemed { code, account_id: account.id, order_id };
    draft.record(StreamId::Coupon(code), redeemed)?;
    Ok(held)
}

/// Frees the redemption that an order holds, where it holds one.
pub(super) fn release_coupon(
    draft: &mut Draft,
    account: &Account,
    order_id: OrderId,
) -> Result<(), Rejection> {
    let held = account.orders.get(order_id).and_then(|order| order.coupon());
    let Some(code) = held else { return Ok(()) };
    let released = CouponReleased { code, account_id: account.id, order_id };
    draft.record(StreamId::Coupon(code), released)
}
