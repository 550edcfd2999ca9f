//! Record that the money of an order never came: the order is cancelled.

use super::cancel_order::cancel;
use crate::{
    draft::Draft,
    event::OrderCancelReason,
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Record that the money of an order never came.
#[derive(Debug, Clone)]
pub struct RejectPayment {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
}

impl RejectPayment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        cancel(draft, &account, self.order_id, OrderCancelReason::PaymentRejected)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn an_order_whose_money_never_came_is_cancelled_and_its_coupon_free_again() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        let given = given.clone().and(given.start_manual_checkout("manual"));
        let given = given.clone().and(given.mark_sent(None));
        let then = given.clone().when(given.reject_payment());
        then.recorded(&["order.cancelled", "coupon.released"]);
        let rejected = given.clone().and(given.reject_payment());
        rejected.clone().when(rejected.reject_payment()).rejected("order_not_open");
        let paid = given_subscribed("pro");
        paid.clone().when(paid.reject_payment()).rejected("order_already_paid");
    }

    #[test]
    fn an_order_for_an_invoice_stays() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        given.clone().when(given.reject_payment()).rejected("order_pays_invoice");
    }
}
