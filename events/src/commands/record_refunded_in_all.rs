//! Record how much of a payment has gone back, all in all: some processors tell refunds as a
//! growing sum. What the sum holds beyond what is booked settles the refunds that were asked for
//! here and wait; what then is left nobody had asked for here.
//!
//! A sum that is not more than what is booked is old news, whatever its order.

use super::{
    owed_back::{self, Sent},
    reasons::{check_amount, payment_of},
    record_outside_refund::report,
};
use crate::{
    account::{Payment, RefundStatus},
    draft::Draft,
    ids::AccountId,
    money::Money,
    rejection::Rejection,
};

/// Record how much of a payment has gone back, all in all.
#[derive(Debug, Clone)]
pub struct RecordRefundedInAll {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// What the customer got back so far.
    pub total: Money,
}

impl RecordRefundedInAll {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let payment = payment_of(&account, &self.processor_payment_id)?;
        check_amount(&account, self.total)?;
        let known = payment.sent_back;
        let mut left = payment.in_our_terms(self.total)?.minus_to_zero(known)?;
        if left.minor() <= residue(payment) {
            return Err(Rejection::RefundTotalKnown { known });
        }
        let theirs = format!("{}#{}", self.processor_payment_id, self.total.minor());
        let payment_id = payment.captured.payment_id;
        let (account_id, residue) = (account.id, residue(payment));
        let sent = Sent { account_id, payment_id, theirs: &theirs, sum: left, residue };
        left = owed_back::settle(draft, &sent, |refund| refund.status != RefundStatus::Processed)?;
        if left.minor() <= residue {
            return Ok(());
        }
        report(draft, self.account_id, payment_id, &theirs, left)
    }
}

/// By how many minor units a merchant's sum may stray from ours: both round, where its sums hold a
/// tax that ours do not.
fn residue(payment: &Payment) -> i128 {
    i128::from(payment.captured.merchant.is_some())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        account::RefundOrigin,
        commands::{ConfirmPayment, RecordRefund, RefundOutcome},
        event::MerchantShare,
        testing::*,
    };

    fn payment(given: &Given) -> Arc<Payment> {
        given.account().payments.iter().next().unwrap().clone()
    }

    /// The amounts of the payment's refunds that were sent back, with who began them.
    fn sent_back(given: &Given) -> Vec<(String, RefundOrigin)> {
        let account = given.account();
        let refunds = account.payments.refunds_of(payment(given).captured.payment_id);
        let sent = refunds.filter(|refund| refund.status == RefundStatus::Processed);
        sent.map(|refund| (refund.amount.to_string(), refund.origin)).collect()
    }

    #[test]
    fn a_growing_sum_is_booked_by_what_it_grew() {
        let given = given_subscribed("pro").and(refunded_in_all("pay_1", "4"));
        let given = given.and(refunded_in_all("pay_1", "10"));
        assert_eq!(payment(&given).sent_back, usd("10"));
        for known in ["10", "4", "0.01"] {
            let told = refunded_in_all("pay_1", known);
            given.clone().when(told).rejected("refund_total_known");
        }
        let ids: Vec<_> = given
            .account()
            .payments
            .refunds_of(payment(&given).captured.payment_id)
            .flat_map(|refund| refund.sent.keys().cloned().collect::<Vec<_>>())
            .collect();
        assert_eq!(ids, ["pay_1#400", "pay_1#1000"]);
        given.when(refunded_in_all("pay_1", "15.01")).rejected("refund_exceeds_captured");
    }

    #[test]
    fn it_settles_what_was_asked_for_and_waits_or_failed() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        given.clone().when(refunded_in_all("pay_1", "5")).recorded(&["refund.processed"]);
        let (account_id, refund_id) = (account_id(), given.last_refund());
        let outcome = RefundOutcome::Failed("no answer".into());
        let failed = given.clone().and(RecordRefund { account_id, refund_id, outcome });
        failed.when(refunded_in_all("pay_1", "5")).recorded(&["refund.processed"]);
        // The processor's answer comes behind its webhook: that is the same refund.
        let told = given.and(refunded_in_all("pay_1", "5"));
        let outcome = RefundOutcome::Processed("pay_1#500".into());
        let answer = RecordRefund { account_id, refund_id, outcome };
        told.when(answer).rejected("refund_already_settled");
    }

    #[test]
    fn what_is_beyond_those_that_wait_nobody_had_asked_for() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        // With or without the news of the first five, in the end the books are the same.
        let at_once = given.clone().and(refunded_in_all("pay_1", "12"));
        let stepwise =
            given.clone().and(refunded_in_all("pay_1", "5")).and(refunded_in_all("pay_1", "12"));
        let (ours, theirs) = (RefundOrigin::Ledger, RefundOrigin::Processor);
        let expected = [("5.00 USD".to_owned(), ours), ("7.00 USD".to_owned(), theirs)];
        assert_eq!(sent_back(&at_once), expected);
        assert_eq!(sent_back(&stepwise), expected);
        // Less than what waits is not what waits.
        let less = given.and(refunded_in_all("pay_1", "3"));
        assert_eq!(sent_back(&less), [("3.00 USD".to_owned(), theirs)]);
    }

    #[test]
    fn of_nothing_known_or_of_nothing_it_is_refused() {
        let given = given_subscribed("pro");
        given.clone().when(refunded_in_all("pay_9", "1")).rejected("payment_unknown");
        given.when(refunded_in_all("pay_1", "0")).rejected("amount_not_positive");
    }

    #[test]
    fn a_merchants_sum_holds_its_tax_and_a_cent_of_rounding() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let merchant = Some(MerchantShare { total: usd("17.85"), tax: usd("2.85") });
        let given = given.and(ConfirmPayment { merchant, ..confirm("order_1", "pay_1") });
        let asked = given.clone().and(refund(Some("3.33")));
        let theirs = payment(&asked).in_their_terms(usd("3.33")).unwrap();
        let told = |total| RecordRefundedInAll { total, ..refunded_in_all("pay_1", "1") };
        asked.clone().when(told(theirs)).recorded(&["refund.processed"]);
        let off = told(theirs.plus(usd("0.01")).unwrap());
        asked.clone().when(off).recorded(&["refund.processed"]);
        let settled = asked.and(told(theirs));
        settled.when(told(theirs.plus(usd("0.01")).unwrap())).rejected("refund_total_known");
        let whole = given.and(refunded_in_all("pay_1", "17.85"));
        assert_eq!(payment(&whole).sent_back, usd("15"));
    }
}
