//! Record that a customer says the money of an order is on its way.

use super::manual_payment::{MANUAL, check_transaction, open_order};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::PaymentSent,
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Record that a customer says the money is on its way.
#[derive(Debug, Clone)]
pub struct MarkPaymentSent {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
    /// The bank's or the network's id of the transfer, where the customer knows it.
    pub transaction: Option<String>,
}

impl MarkPaymentSent {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order = open_order(&account, self.order_id)?;
        let order_id = order.id;
        if order.sent.is_some() {
            return Err(Rejection::PaymentAlreadySent { order: order_id });
        }
        if order.checkout.as_ref().is_none_or(|checkout| checkout.processor != MANUAL) {
            return Err(Rejection::PaymentNotAwaited { order: order_id });
        }
        self.transaction.as_deref().map_or(Ok(()), check_transaction)?;
        let transaction = self.transaction.clone();
        draft.record(StreamId::Account(account.id), PaymentSent { order_id, transaction })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn money_is_said_to_be_on_its_way_once_and_only_by_hand() {
        let given = given_account().and(place_order());
        given.clone().when(given.mark_sent(Some("TX-9"))).rejected("payment_not_awaited");
        let by_processor = given.clone().and(given.start_checkout("order_1"));
        by_processor.clone().when(by_processor.mark_sent(None)).rejected("payment_not_awaited");

        let given = given.clone().and(given.start_manual_checkout("manual"));
        given.clone().when(given.mark_sent(Some(""))).rejected("transaction_invalid");
        given.clone().when(given.mark_sent(Some("a\nb"))).rejected("transaction_invalid");
        let sent = given.clone().and(given.mark_sent(Some("TX-9")));
        sent.clone().when(sent.mark_sent(None)).rejected("payment_already_sent");
        sent.clone()
            .and(sent.confirm_by_hand(None))
            .when(sent.mark_sent(None))
            .rejected("order_already_paid");
    }

    #[test]
    fn money_that_was_said_to_be_on_its_way_does_not_keep_an_order_from_expiring() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_manual_checkout("manual"));
        let given = given.clone().and(given.mark_sent(None)).at("2026-05-08T00:00:00Z");
        given.clone().when(settle_due()).recorded(&["order.expired"]);
        given
            .clone()
            .and(settle_due())
            .when(given.confirm_by_hand(None))
            .rejected("order_not_open");
    }
}
