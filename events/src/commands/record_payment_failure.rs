//! Record that a payment did not come about. It changes no money and no order: the customer may try
//! again, and a processor may still authorise a payment that it had called failed. So it is
//! recorded, once, whether the payment was captured before, is captured later, or never.

use super::reasons::{check_amount, check_processor_id, told};
use crate::{
    draft::Draft, envelope::StreamId, event::PaymentFailed, ids::AccountId, money::Money,
    rejection::Rejection,
};

/// Record that a payment did not come about.
#[derive(Debug, Clone)]
pub struct RecordPaymentFailure {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the order, as stored with the checkout.
    pub processor_order_id: String,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// How much it was to be.
    pub amount: Money,
    /// Why, in the processor's words: cut to 300 characters, without control characters.
    pub reason: String,
}

impl RecordPaymentFailure {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let checkout = account.orders.checkout(&self.processor_order_id);
        let checkout = checkout.ok_or(Rejection::OrderUnknown)?;
        check_processor_id(&self.processor_payment_id)?;
        check_amount(&account, self.amount)?;
        if account.payments.has_failed(&self.processor_payment_id) {
            let payment = self.processor_payment_id.clone();
            return Err(Rejection::PaymentFailureKnown { payment });
        }
        let failed = PaymentFailed {
            order_id: checkout.order_id,
            processor: checkout.processor.clone(),
            processor_payment_id: self.processor_payment_id.clone(),
            amount: self.amount,
            reason: told(&self.reason),
        };
        draft.record(StreamId::Account(account.id), failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, PaymentEvent},
        testing::*,
    };

    fn given_checked_out() -> Given {
        let given = given_account().and(place_order());
        let checkout = given.start_checkout("order_1");
        given.and(checkout)
    }

    #[test]
    fn a_payment_that_failed_may_still_be_captured() {
        let given = given_checked_out().and(failure("order_1", "pay_1"));
        given.clone().when(failure("order_1", "pay_1")).rejected("payment_failure_known");
        let then = given.when(confirm("order_1", "pay_1"));
        then.recorded(&[
            "payment.captured",
            "subscription.activated",
            "invoice.issued",
            "invoice.paid",
        ]);
    }

    #[test]
    fn a_failure_that_comes_late_is_recorded_and_takes_nothing_back() {
        let given = given_checked_out().and(confirm("order_1", "pay_1"));
        let then = given.clone().when(failure("order_1", "pay_1"));
        then.recorded(&["payment.failed"]);
        assert_eq!(then.account().paid_in(), given.account().paid_in());
        let again = given.and(failure("order_1", "pay_1"));
        again.when(failure("order_1", "pay_1")).rejected("payment_failure_known");
    }

    #[test]
    fn what_the_processor_says_is_cut_to_what_can_be_kept() {
        let reason = format!("declined\u{0}\n{}", "x".repeat(400));
        let command = RecordPaymentFailure { reason, ..failure("order_1", "pay_1") };
        let kept = given_checked_out().when(command).first(|event| {
            if let AccountEvent::Payment(PaymentEvent::PaymentFailed(failed)) = event {
                Some(failed.reason.clone())
            } else {
                None
            }
        });
        assert_eq!(kept, format!("declined{}", "x".repeat(292)));
    }

    #[test]
    fn a_failure_of_nothing_known_is_refused() {
        let given = given_checked_out();
        given.clone().when(failure("order_9", "pay_1")).rejected("order_unknown");
        given.clone().when(failure("order_1", "")).rejected("processor_id_invalid");
        given.clone().when(failure("order_1", "pay\u{0}")).rejected("processor_id_invalid");
        let nothing = RecordPaymentFailure { amount: usd("0"), ..failure("order_1", "pay_1") };
        given.when(nothing).rejected("amount_not_positive");
    }
}
