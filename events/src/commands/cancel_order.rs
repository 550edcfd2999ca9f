//! Cancel an order that nobody has paid. An invoice's order is not cancelled but paid or credited.

use super::{manual_payment::open_order, redemption::release_coupon};
use crate::{
    account::Account,
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
        cancel(draft, &account, self.order_id, OrderCancelReason::Requested)
    }
}

/// Cancels an order that can still be paid; its coupon's redemption is free again.
pub(super) fn cancel(
    draft: &mut Draft,
    account: &Account,
    order_id: OrderId,
    reason: OrderCancelReason,
) -> Result<(), Rejection> {
    let order = open_order(account, order_id)?;
    if let OrderPurpose::PayInvoice { invoice_number, .. } = &order.purpose {
        let invoice = invoice_number.clone();
        return Err(Rejection::OrderPaysInvoice { order: order_id, invoice });
    }
    draft.record(StreamId::Account(account.id), OrderCancelled { order_id, reason })?;
    release_coupon(draft, account, order_id)
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
