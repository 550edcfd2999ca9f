//! Give an order up: an open one is cancelled, and the subscription that a paid one brought about
//! ends now, without a refund.

use super::{CancelOrder, CancelSubscription};
use crate::{
    account::{Account, Order, OrderStatus},
    draft::Draft,
    event::OrderPurpose,
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Give an order up.
#[derive(Debug, Clone)]
pub struct GiveUpOrder {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
}

impl GiveUpOrder {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (account_id, order_id) = (self.account_id, self.order_id);
        let account = draft.account(account_id)?;
        let order = account.orders.get(order_id).ok_or(Rejection::OrderUnknown)?;
        if order.status != OrderStatus::Paid {
            return CancelOrder { account_id, order_id }.decide(draft);
        }
        if !is_active(&account, order) {
            return Err(Rejection::OrderNotOpen { order: order_id });
        }
        CancelSubscription { account_id, at_period_end: false }.decide(draft)
    }
}

/// Whether the live subscription is what a paid order asked for.
fn is_active(account: &Account, order: &Order) -> bool {
    let Some(live) = account.live() else { return false };
    match order.purpose {
        OrderPurpose::Subscribe { .. } => live.order_id == order.id,
        OrderPurpose::ChangePlan => live.plan.plan_id == order.plan.plan_id,
        OrderPurpose::PayInvoice { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn give_up(given: &Given) -> GiveUpOrder {
        GiveUpOrder { account_id: account_id(), order_id: given.newest_order() }
    }

    #[test]
    fn an_open_order_is_cancelled_and_an_active_one_ends_its_subscription() {
        let given = given_account().and(place_order());
        given.clone().when(give_up(&given)).recorded(&["order.cancelled"]);
        let given = given_subscribed("pro");
        given.clone().when(give_up(&given)).recorded(&["subscription.ended"]);
        let over = given.clone().and(give_up(&given));
        over.clone().when(give_up(&over)).rejected("order_not_open");
    }

    #[test]
    fn an_order_for_an_invoice_is_not_given_up() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        given.clone().when(give_up(&given)).rejected("order_pays_invoice");
        let paid = given.and_paid();
        paid.clone().when(give_up(&paid)).rejected("order_not_open");
    }
}
