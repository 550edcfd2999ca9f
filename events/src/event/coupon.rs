//! Events of a coupon's stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, events};
use crate::{
    coupon::{CouponCode, CouponTerms},
    ids::{AccountId, OrderId},
};

events! {
    /// What happened to a coupon.
    CouponEvent of Event {
        CouponOffered "coupon.offered" v 1,
        CouponRedeemed "coupon.redeemed" v 1,
        CouponReleased "coupon.released" v 1,
        CouponWithdrawn "coupon.withdrawn" v 1,
    }
}

/// A coupon came on offer; its terms never change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponOffered {
    /// The code that customers type.
    pub code: CouponCode,
    /// What it gives, and to whom.
    pub terms: CouponTerms,
}

/// One redemption of a coupon is held by an order, for good once that is paid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponRedeemed {
    /// Which coupon.
    pub code: CouponCode,
    /// Whose order.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
}

/// The order will not be fulfilled: its redemption is free again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponReleased {
    /// Which coupon.
    pub code: CouponCode,
    /// Whose order.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
}

/// A coupon is no longer on offer; discounts already held go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CouponWithdrawn {
    /// Which coupon.
    pub code: CouponCode,
}
