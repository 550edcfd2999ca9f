//! Record that the money of an order never came: the order is cancelled.

use super::{manual_payment::open_order, redemption::release_coupon};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{OrderCancelReason, OrderCancelled, OrderPurpose},
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
        let order = open_order(&account, self.order_id)?;
        let order_id = order.id;
        if let OrderPurpose::PayInvoice { invoice_number, .. } = &order.purpose {
            let invoice = invoice_number.clone();
            return Err(Rejection::OrderPaysInvoice { order: order_id, invoice });
        }
        let reason = OrderCancelReason::PaymentRejected;
        draft.record(StreamId::Account(account.id), OrderCancelled { order_id, reason })?;
        release_coupon(draft, &account, order_id)
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
