//! Record that somebody found the money of an order on the account, and bring about what the order
//! was for.

use super::manual_payment::pay_by_hand;
use crate::{
    draft::Draft,
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Record that the money of an order came by hand.
#[derive(Debug, Clone)]
pub struct ConfirmManualPayment {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
    /// The bank's or the network's id of the transfer, where it is known.
    pub transaction: Option<String>,
}

impl ConfirmManualPayment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        pay_by_hand(draft, self.account_id, self.order_id, self.transaction.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        event::{AccountEvent, PaymentEvent},
        testing::*,
    };

    const BOOKED: [&str; 4] =
        ["payment.captured", "subscription.activated", "invoice.issued", "invoice.paid"];

    #[test]
    fn money_that_came_by_hand_is_booked_once_from_every_open_state() {
        let given = given_account().and(place_order());
        let then = given.clone().when(given.confirm_by_hand(Some("TX-1")));
        let with = |before: &[&'static str]| [before, &BOOKED].concat();
        then.recorded(&with(&["checkout.started", "order.payment_sent"]));
        let captured = then.first(|event| {
            if let AccountEvent::Payment(PaymentEvent::PaymentCaptured(captured)) = event {
                Some(captured.clone())
            } else {
                None
            }
        });
        assert_eq!(captured.processor, "manual");
        assert_eq!(captured.processor_order_id, "manual-1");
        assert_eq!(captured.amount, usd("15"));

        let awaiting = given.clone().and(given.start_manual_checkout("manual"));
        awaiting.clone().when(awaiting.confirm_by_hand(None)).recorded(&BOOKED);
        let sent = awaiting.clone().and(awaiting.mark_sent(Some("TX-1")));
        sent.clone().when(sent.confirm_by_hand(Some("TX-1"))).recorded(&BOOKED);
        // Another transfer than the customer named.
        let corrected = sent.clone().when(sent.confirm_by_hand(Some("TX-2")));
        corrected.recorded(&with(&["order.payment_sent"]));
        let paid = sent.clone().and(sent.confirm_by_hand(None));
        paid.clone().when(paid.confirm_by_hand(None)).rejected("order_already_paid");
    }

    #[test]
    fn an_order_that_a_processor_waits_for_can_be_paid_by_hand_and_the_processors_money_is_kept() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let paid = given.clone().and(given.confirm_by_hand(None));
        paid.clone().when(paid.confirm_by_hand(None)).rejected("order_already_paid");
        let then = paid.when(confirm("order_1", "pay_1"));
        then.recorded(&["payment.captured", "credit.granted"]);
        assert_eq!(then.account().credit, usd("15"));
    }

    #[test]
    fn an_invoice_is_paid_by_hand_too() {
        let given = given_subscribed("pro").and(change_plan("enterprise_lite"));
        let then = given.clone().when(given.confirm_by_hand(None));
        then.recorded(&["checkout.started", "payment.captured", "invoice.paid"]);
    }

    #[test]
    fn an_order_that_is_not_open_or_not_there_is_not_paid() {
        let given = given_account().and(place_order());
        let rejected = given.clone().and(given.reject_payment());
        rejected.clone().when(rejected.confirm_by_hand(None)).rejected("order_not_open");
        given.clone().when(given.confirm_by_hand(Some(" \u{7}"))).rejected("transaction_invalid");
    }
}
