//! Record what a processor kept of a payment for its service, and the tax on that: once for each
//! payment, however often it is told. It changes nothing between seller and customer.

use super::reasons::payment_of;
use crate::{
    draft::Draft, envelope::StreamId, event::PaymentFeeCharged, ids::AccountId, money::Money,
    rejection::Rejection,
};

/// Record what a processor kept of a payment.
#[derive(Debug, Clone)]
pub struct RecordFee {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// For its service, without tax.
    pub service: Money,
    /// The tax on its service.
    pub tax: Money,
}

impl RecordFee {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let payment = payment_of(&account, &self.processor_payment_id)?;
        if payment.fee.is_some() {
            let payment = self.processor_payment_id.clone();
            return Err(Rejection::FeeAlreadyRecorded { payment });
        }
        let (service, tax) = (self.service, self.tax);
        let expected = payment.captured.amount.currency();
        for given in [service.currency(), tax.currency()] {
            if given != expected {
                return Err(Rejection::WrongCurrency { given, expected });
            }
        }
        // A fee of nothing is no fee, and nobody is paid for taking money.
        if service.minor() < 0 || tax.minor() < 0 || !service.plus(tax)?.is_positive() {
            return Err(Rejection::AmountNotPositive);
        }
        let payment_id = payment.captured.payment_id;
        let charged = PaymentFeeCharged { payment_id, service, tax };
        draft.record(StreamId::Account(account.id), charged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{money::Currency, testing::*};

    #[test]
    fn a_fee_is_recorded_once_and_changes_nothing_for_the_customer() {
        let given = given_subscribed("pro");
        let then = given.clone().when(fee("pay_1", "0.36", "0.06"));
        then.recorded(&["payment.fee_charged"]);
        assert_eq!(then.account().credit, given.account().credit);
        let charged = given.and(fee("pay_1", "0.36", "0.06"));
        charged.clone().when(fee("pay_1", "0.36", "0.06")).rejected("fee_already_recorded");
        charged.when(fee("pay_1", "0.40", "0")).rejected("fee_already_recorded");
    }

    #[test]
    fn a_fee_of_nothing_of_no_payment_or_in_another_currency_is_refused() {
        let given = given_subscribed("pro");
        given.clone().when(fee("pay_9", "0.36", "0")).rejected("payment_unknown");
        given.clone().when(fee("pay_1", "0", "0")).rejected("amount_not_positive");
        given.clone().when(fee("pay_1", "0.36", "-0.06")).rejected("amount_not_positive");
        given.clone().when(fee("pay_1", "-0.36", "1")).rejected("amount_not_positive");
        let rupees = Money::parse("30", Currency::INR).unwrap();
        let tax = RecordFee { tax: rupees, ..fee("pay_1", "0.36", "0") };
        given.clone().when(tax).rejected("currency_mismatch");
        let service = RecordFee { service: rupees, ..fee("pay_1", "0.36", "0") };
        given.when(service).rejected("currency_mismatch");
    }
}
