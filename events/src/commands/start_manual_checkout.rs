//! Record that an order waits for a payment by hand, such as a bank transfer: its reference is the
//! method's name and the order's number.

use super::{
    Returns, StartCheckout,
    manual_payment::{MANUAL, reference},
};
use crate::{
    draft::Draft,
    ids::{AccountId, OrderId},
    rejection::Rejection,
};

/// Record that an order waits for a payment by hand.
#[derive(Debug, Clone)]
pub struct StartManualCheckout {
    /// Which account.
    pub account_id: AccountId,
    /// Which order.
    pub order_id: OrderId,
    /// Which of the book's payment methods.
    pub method: String,
}

impl StartManualCheckout {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let order = account.orders.get(self.order_id).ok_or(Rejection::OrderUnknown)?;
        let methods = draft.world().book.payment_methods();
        if !methods.iter().any(|method| method.id == self.method) {
            let method = self.method.chars().take(64).collect();
            return Err(Rejection::PaymentMethodUnknown { method });
        }
        if order.checkout.is_some() && order.is_open() {
            return Err(Rejection::CheckoutAlreadyStarted { order: order.id });
        }
        let start = StartCheckout {
            account_id: self.account_id,
            order_id: self.order_id,
            processor: MANUAL.to_owned(),
            processor_order_id: reference(&self.method, &order.number),
            returns: Returns::default(),
            merchant_of_record: false,
        };
        start.decide(draft)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn an_order_waits_for_a_payment_by_a_method_that_the_book_has() {
        let given = given_account().and(place_order());
        let start = given.start_manual_checkout("manual");
        let then = given.clone().when(start.clone());
        then.recorded(&["checkout.started"]);
        let account = then.account();
        let order = account.orders.of_processor("manual-1").unwrap();
        assert_eq!(order.checkout.as_ref().unwrap().processor, "manual");
        given.clone().and(start.clone()).when(start).rejected("checkout_already_started");
        given.clone().when(given.start_manual_checkout("bank")).rejected("payment_method_unknown");
    }
}
