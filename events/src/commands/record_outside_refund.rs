//! Record that money went back which nobody had asked for here: somebody pressed a button at the
//! processor. It has gone, so it is booked, once for each refund of the processor's.
//!
//! It first pays what refunds of that payment still owe that failed ([`owed_back`]): whoever saw one
//! fail sends it by hand. Of what is left, credit notes take it from the invoices that the payment
//! went into, newest first; then it comes out of the account's credit; the rest is left unplaced.
//! The subscription goes on: whoever gave the money back did not say that it ends.

use std::sync::Arc;

use super::{
    billing::{self, Crediting},
    owed_back::{self, Sent},
    reasons::{check_amount, check_processor_id, payment_of},
};
use crate::{
    account::{Invoice, Payment, RefundStatus},
    draft::Draft,
    envelope::StreamId,
    event::{CreditReason, RefundReported},
    ids::{AccountId, PaymentId},
    money::Money,
    rejection::Rejection,
};

/// Record a refund that nobody had asked for here. Whether it is one that was asked for, the caller
/// knows by the reference that the processor was given.
#[derive(Debug, Clone)]
pub struct RecordOutsideRefund {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// The processor's id of the refund.
    pub processor_refund_id: String,
    /// How much the customer got back.
    pub amount: Money,
}

impl RecordOutsideRefund {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let payment = payment_of(&account, &self.processor_payment_id)?;
        check_processor_id(&self.processor_refund_id)?;
        check_amount(&account, self.amount)?;
        let theirs = self.processor_refund_id.as_str();
        let mut known = account.payments.refunds_of(payment.captured.payment_id);
        if known.any(|it| it.sent.contains_key(theirs) || it.failed_as.contains(theirs)) {
            return Err(Rejection::RefundKnown { refund: theirs.to_owned() });
        }
        let amount = payment.in_our_terms(self.amount)?;
        check_amount(&account, amount)?;
        let (account_id, payment_id) = (self.account_id, payment.captured.payment_id);
        let sent = Sent { account_id, payment_id, theirs, sum: amount, residue: 0 };
        let left = owed_back::settle(draft, &sent, |it| it.status == RefundStatus::Failed)?;
        if left.is_zero() {
            return Ok(());
        }
        report(draft, account_id, payment_id, theirs, left)
    }
}

/// Books money that went back from a payment, in our terms, under the processor's id of it.
pub(super) fn report(
    draft: &mut Draft,
    account_id: AccountId,
    payment_id: PaymentId,
    processor_refund_id: &str,
    amount: Money,
) -> Result<(), Rejection> {
    let payment = payment(draft, account_id, payment_id)?;
    // Disputes do not count here: the money has gone back all the same.
    let captured = payment.unrefunded()?;
    if captured.minus(amount)?.minor() < 0 {
        return Err(Rejection::RefundExceedsCaptured { captured });
    }
    let left = credit_invoices(draft, account_id, payment_id, processor_refund_id, amount)?;
    let from_credit = draft.account(account_id)?.credit.smaller(left)?;
    let reported = RefundReported {
        refund_id: draft.mint(),
        payment_id,
        processor: payment.captured.processor.clone(),
        processor_payment_id: payment.captured.processor_payment_id.clone(),
        processor_refund_id: processor_refund_id.to_owned(),
        amount,
        from_invoices: amount.minus(left)?,
        from_credit,
        unplaced: left.minus(from_credit)?,
    };
    draft.record(StreamId::Account(account_id), reported)
}

fn payment(draft: &Draft, account: AccountId, id: PaymentId) -> Result<Arc<Payment>, Rejection> {
    let payment = draft.account(account)?.payments.get(id).cloned();
    payment.ok_or_else(|| Rejection::PaymentUnknown { payment: id.to_string() })
}

/// Takes an amount back from the invoices that a payment went into, newest first, and says what of
/// it is left.
fn credit_invoices(
    draft: &mut Draft,
    account_id: AccountId,
    payment_id: PaymentId,
    processor_refund_id: &str,
    amount: Money,
) -> Result<Money, Rejection> {
    let account = draft.account(account_id)?;
    let mut paid: Vec<Arc<Invoice>> = account.invoices.iter().cloned().collect();
    paid.retain(|invoice| invoice.payments.contains(&payment_id));
    let mut left = amount;
    for invoice in paid.iter().rev() {
        let Some(credit) = billing::credit_covering(&account, invoice, left)? else { continue };
        let to_refund = credit.paid_part()?.smaller(left)?;
        left = left.minus(to_refund)?;
        let note = Crediting::new(credit, CreditReason::Refund, draft.now());
        let explanation = Some(format!("refund {processor_refund_id} of the processor"));
        billing::issue_credit_note(draft, &account, Crediting { explanation, to_refund, ..note })?;
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commands::{ConfirmPayment, DisputeState, RecordRefund, RefundOutcome},
        event::{AccountEvent, MerchantShare, PaymentEvent},
        money::Currency,
        testing::{Then, *},
    };

    /// What of a reported refund came from invoices, from credit, and from nowhere.
    #[track_caller]
    fn placed(then: &Then) -> [String; 3] {
        then.first(|event| {
            if let AccountEvent::Payment(PaymentEvent::RefundReported(it)) = event {
                Some([it.from_invoices, it.from_credit, it.unplaced].map(|part| part.to_string()))
            } else {
                None
            }
        })
    }

    #[test]
    fn it_comes_out_of_the_invoice_and_the_subscription_goes_on() {
        let then = given_subscribed("pro").when(refunded_outside("pay_1", "rfnd_1", "5"));
        then.recorded(&["credit_note.issued", "refund.reported"]);
        assert_eq!(placed(&then), ["5.00 USD", "0.00 USD", "0.00 USD"]);
        let account = then.account();
        assert!(account.live().is_some() && account.credit.is_zero());
        let payment = account.payments.iter().next().unwrap();
        assert_eq!((payment.refunded, payment.sent_back), (usd("5"), usd("5")));
    }

    #[test]
    fn it_is_booked_once_under_its_own_id_or_that_of_a_requested_one() {
        let given = given_subscribed("pro").and(refunded_outside("pay_1", "rfnd_1", "5"));
        given.clone().when(refunded_outside("pay_1", "rfnd_1", "5")).rejected("refund_known");
        let asked = given.and(refund(Some("4")));
        let refund_id = asked.last_refund();
        let record = |id: &str| RecordRefund {
            account_id: account_id(),
            refund_id,
            outcome: RefundOutcome::Processed(id.into()),
        };
        asked.clone().when(record("rfnd_1")).rejected("refund_known");
        let settled = asked.and(record("rfnd_2"));
        settled.when(refunded_outside("pay_1", "rfnd_2", "4")).rejected("refund_known");
    }

    #[test]
    fn a_payment_that_no_invoice_needed_goes_back_out_of_credit() {
        let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
        let then = given.when(refunded_outside("pay_2", "rfnd_1", "15"));
        then.recorded(&["refund.reported"]);
        assert_eq!(placed(&then), ["0.00 USD", "15.00 USD", "0.00 USD"]);
        assert!(then.account().credit.is_zero());
    }

    #[test]
    fn what_was_used_meanwhile_is_left_unplaced() {
        let given = given_subscribed("pro").and(confirm("order_1", "pay_2"));
        let given = given.and(change_plan("enterprise_lite"));
        let then = given.when(refunded_outside("pay_2", "rfnd_1", "15"));
        assert_eq!(placed(&then), ["0.00 USD", "0.00 USD", "15.00 USD"]);
    }

    #[test]
    fn a_sum_that_no_credit_note_has_leaves_its_cent_as_credit_until_the_rest_goes_back() {
        // 30 % on top: 0.74 makes 0.96 and 0.75 makes 0.98, but no price with its tax makes 0.97.
        let given =
            given_account().and(tax_rules("GB", "30", false)).and(order_of("pro")).and_paid();
        let then = given.clone().when(refunded_outside("pay_1", "rfnd_1", "0.97"));
        assert_eq!(then.credit_note_total(), "0.98 USD");
        assert_eq!(placed(&then), ["0.97 USD", "0.00 USD", "0.00 USD"]);
        assert_eq!(then.account().credit, usd("0.01"));
        let given = given.and(refunded_outside("pay_1", "rfnd_1", "0.97"));
        let then = given.when(refunded_outside("pay_1", "rfnd_2", "18.53"));
        assert_eq!(placed(&then), ["18.52 USD", "0.01 USD", "0.00 USD"]);
        assert!(then.account().credit.is_zero());
    }

    #[test]
    fn more_than_is_left_or_of_nothing_known_is_refused() {
        let given = given_subscribed("pro");
        let more = refunded_outside("pay_1", "rfnd_1", "15.01");
        given.clone().when(more).rejected("refund_exceeds_captured");
        let reserved = given.clone().and(refund(Some("10")));
        let more = refunded_outside("pay_1", "rfnd_1", "5.01");
        reserved.when(more).rejected("refund_exceeds_captured");
        let unknown = refunded_outside("pay_9", "rfnd_1", "1");
        given.clone().when(unknown).rejected("payment_unknown");
        let nameless = refunded_outside("pay_1", "", "1");
        given.clone().when(nameless).rejected("processor_id_invalid");
        given
            .clone()
            .when(refunded_outside("pay_1", "rfnd_1", "0"))
            .rejected("amount_not_positive");
        let rupees = Money::parse("1", Currency::INR).unwrap();
        let foreign = RecordOutsideRefund { amount: rupees, ..refunded_outside("pay_1", "r", "1") };
        given.when(foreign).rejected("currency_mismatch");
    }

    /// Pro, of which so much was asked back and failed.
    fn given_failed(amount: &str) -> Given {
        let given = given_subscribed("pro").and(refund(Some(amount)));
        let (account_id, refund_id) = (account_id(), given.last_refund());
        let (processor_refund_id, reason) = ("rfnd_f".to_owned(), "account closed".to_owned());
        let outcome = RefundOutcome::FailedAs { processor_refund_id, reason };
        given.and(RecordRefund { account_id, refund_id, outcome })
    }

    /// What is still to be sent of the newest refund that was asked for, and how far it has come.
    fn left(given: &Given) -> (Money, RefundStatus) {
        let account = given.account();
        let refund = account.payments.refund(given.last_refund()).unwrap();
        (refund.left().unwrap(), refund.status)
    }

    #[test]
    fn what_failed_is_paid_first_and_no_invoice_pays_for_it_again() {
        let given = given_failed("15");
        given
            .clone()
            .when(refunded_outside("pay_1", "rfnd_1", "15"))
            .recorded(&["refund.processed"]);
        let given = given.and(refunded_outside("pay_1", "rfnd_1", "15"));
        assert_eq!(left(&given), (usd("0"), RefundStatus::Processed));
        given.clone().when(refunded_outside("pay_1", "rfnd_1", "15")).rejected("refund_known");
        let more = refunded_outside("pay_1", "rfnd_2", "0.01");
        given.when(more).rejected("refund_exceeds_captured");
    }

    #[test]
    fn what_is_more_than_failed_nobody_had_asked_for() {
        let given = given_failed("5");
        let then = given.clone().when(refunded_outside("pay_1", "rfnd_1", "7"));
        then.recorded(&["refund.processed", "refund.reported"]);
        // What was paid and not asked back became credit when the refund was asked for.
        assert_eq!(placed(&then), ["0.00 USD", "2.00 USD", "0.00 USD"]);
        let payment = then.account().payments.iter().next().unwrap().clone();
        assert_eq!((payment.refunded, payment.sent_back), (usd("7"), usd("7")));
        given
            .and(refunded_outside("pay_1", "rfnd_1", "7"))
            .when(refunded_outside("pay_1", "rfnd_1", "7"))
            .rejected("refund_known");
    }

    #[test]
    fn what_is_less_than_failed_is_a_part_of_it() {
        let given = given_failed("5").and(refunded_outside("pay_1", "rfnd_1", "3"));
        assert_eq!(left(&given), (usd("2"), RefundStatus::Failed));
        given.clone().when(refunded_outside("pay_1", "rfnd_1", "3")).rejected("refund_known");
        let whole = given.clone().and(refunded_outside("pay_1", "rfnd_2", "2"));
        assert_eq!(left(&whole), (usd("0"), RefundStatus::Processed));
        // By hand, whoever settles it sends the rest.
        let (account_id, refund_id) = (account_id(), given.last_refund());
        let record = |outcome| RecordRefund { account_id, refund_id, outcome };
        let settled = given.clone().and(record(RefundOutcome::Processed("SEPA 1".into())));
        let payment = settled.account().payments.iter().next().unwrap().clone();
        assert_eq!((payment.refunded, payment.sent_back), (usd("5"), usd("5")));
        // A part that comes back is owed as well.
        let (processor_refund_id, reason) = ("rfnd_1".to_owned(), String::new());
        let back = given.and(record(RefundOutcome::FailedAs { processor_refund_id, reason }));
        assert_eq!(left(&back), (usd("5"), RefundStatus::Failed));
    }

    #[test]
    fn what_waits_for_its_answer_is_not_meant() {
        let given = given_subscribed("pro").and(refund(Some("5")));
        let then = given.clone().when(refunded_outside("pay_1", "rfnd_1", "5"));
        then.recorded(&["refund.reported"]);
        assert_eq!(left(&given.and(refunded_outside("pay_1", "rfnd_1", "5"))).0, usd("5"));
    }

    #[test]
    fn a_refund_of_another_payment_is_not_meant() {
        let given = given_failed("5").and(confirm("order_1", "pay_2"));
        let then = given.when(refunded_outside("pay_2", "rfnd_1", "5"));
        then.recorded(&["refund.reported"]);
    }

    #[test]
    fn a_disputed_payment_that_went_back_all_the_same_is_booked() {
        let given = given_subscribed("pro").and(dispute("disp_1", DisputeState::Open));
        given
            .when(refunded_outside("pay_1", "rfnd_1", "15"))
            .recorded(&["credit_note.issued", "refund.reported"]);
    }

    #[test]
    fn a_merchants_refund_holds_its_tax_and_ours_does_not() {
        let given = given_account().and(place_order());
        let given = given.clone().and(given.start_checkout("order_1"));
        let merchant = Some(MerchantShare { total: usd("18"), tax: usd("3") });
        let given = given.and(ConfirmPayment { merchant, ..confirm("order_1", "pay_1") });
        let then = given.when(refunded_outside("pay_1", "rfnd_1", "6"));
        assert_eq!(placed(&then), ["5.00 USD", "0.00 USD", "0.00 USD"]);
        let payment = then.account().payments.iter().next().unwrap().clone();
        assert_eq!(payment.in_their_terms(usd("5")).unwrap(), usd("6"));
    }
}
