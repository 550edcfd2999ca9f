//! Cancel an order that nobody has paid. An invoice's order is not cancelled but paid or credited.

use super::redemption::release_coupon;
use crate::{
    account::OrderStatus,
    draft::Draft,
    envelope::StreamId,
    event::{OrderCancelReason, OrderCancelled, OrderPurpose},
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Cancel an order.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
}

impl CancelOrder {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order_id = self.order_id;
        let order = account.orders.get(order_id).ok_or(Rejection::OrderUnknown)?;
        match (order.status, &order.purpose) {
            (OrderStatus::Paid, _) => Err(Rejection::OrderAlreadyPaid { order: order_id }),
            (OrderStatus::Cancelled | OrderStatus::Expired, _) => {
                Err(Rejection::OrderNotOpen { order: order_id })
            }
            (OrderStatus::Open, OrderPurpose::PayInvoice { invoice_number, .. }) => {
                let invoice = invoice_number.clone();
                Err(Rejection::OrderPaysInvoice { order: order_id, invoice })
            }
            (OrderStatus::Open, OrderPurpose::Subscribe { .. } | OrderPurpose::ChangePlan) => {
                let reason = OrderCancelReason::Requested;
                draft.record(StreamId::Account(account.id), OrderCancelled { order_id, reason })?;
                release_coupon(draft, &account, order_id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn cancel_newest(given: &Given) -> CancelOrder {
        CancelOrder { account_id: account_id(), order_id: given.newest_order() }
    }

    #[test]
    fn an_unpaid_order_is_cancelled_and_its_coupon_is_free_again() {
        let given = given_account().and(offer("SAVE10", "10")).and(order_with("SAVE10"));
        let then = given.clone().when(cancel_newest(&given));
        then.recorded(&["order.cancelled", "coupon.released"]);
        let given = given.clone().and(cancel_newest(&given));
        given.clone().when(cancel_newest(&given)).rejected("order_not_open");
        let paid = given_subscribed("pro");
        paid.clone().when(cancel_newest(&paid)).rejected("order_already_paid");
    }

    #[test]
    fn an_order_for_an_invoice_stays() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        given.clone().when(cancel_newest(&given)).rejected("order_pays_invoice");
    }
}
