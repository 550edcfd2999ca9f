//! Record how a dispute stands: that it was opened, at first sight of it whatever its state, and
//! how it ended, once. Whatever the order in which its news comes, the end is the same.
//!
//! Two different ends contradict each other: the second is refused, so that somebody looks.
//!
//! What is disputed or was lost is not refunded any more. The subscription is left alone.

use super::reasons::{check_amount, check_processor_id, payment_of, told};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::{DisputeClosed, DisputeOpened, DisputeOutcome},
    ids::AccountId,
    money::Money,
    rejection::Rejection,
};

/// How a dispute stands, by the processor's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// Undecided.
    Open,
    /// The seller keeps the money.
    Won,
    /// The money was taken back.
    Lost,
    /// Over without a decision.
    Closed,
}

impl DisputeState {
    fn outcome(self) -> Option<DisputeOutcome> {
        match self {
            Self::Open => None,
            Self::Won => Some(DisputeOutcome::Won),
            Self::Lost => Some(DisputeOutcome::Lost),
            Self::Closed => Some(DisputeOutcome::Closed),
        }
    }
}

/// Record how a dispute stands.
#[derive(Debug, Clone)]
pub struct RecordDispute {
    /// Which account.
    pub account_id: AccountId,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// The processor's id of the dispute.
    pub dispute_id: String,
    /// How much is disputed.
    pub amount: Money,
    /// Why, in the processor's words: cut to 300 characters, without control characters.
    pub reason: String,
    /// How it stands.
    pub state: DisputeState,
    /// What of the payment was taken back so far.
    pub deducted: Money,
}

impl RecordDispute {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        let payment = payment_of(&account, &self.processor_payment_id)?;
        check_processor_id(&self.dispute_id)?;
        check_amount(&account, self.amount)?;
        self.check_deducted()?;
        let (stream, payment_id) = (StreamId::Account(account.id), payment.captured.payment_id);
        let known = payment.dispute(&self.dispute_id);
        let ended = known.and_then(|dispute| dispute.ended).map(|(outcome, _)| outcome);
        if let (Some(recorded), Some(told)) = (ended, self.state.outcome())
            && recorded != told
        {
            let dispute = self.dispute_id.clone();
            return Err(Rejection::DisputeEndedOtherwise { dispute });
        }
        let outcome = self.state.outcome().filter(|_| ended.is_none());
        if known.is_some() && outcome.is_none() {
            return Err(Rejection::DisputeKnown { dispute: self.dispute_id.clone() });
        }
        let dispute_id = self.dispute_id.clone();
        if known.is_none() {
            let (dispute_id, reason) = (dispute_id.clone(), told(&self.reason));
            let opened = DisputeOpened { dispute_id, payment_id, amount: self.amount, reason };
            draft.record(stream, opened)?;
        }
        let Some(outcome) = outcome else { return Ok(()) };
        let deducted = match outcome {
            DisputeOutcome::Won => Money::zero(self.deducted.currency()),
            DisputeOutcome::Lost | DisputeOutcome::Closed => self.deducted,
        };
        draft.record(stream, DisputeClosed { dispute_id, payment_id, outcome, deducted })
    }

    fn check_deducted(&self) -> Result<(), Rejection> {
        let (given, expected) = (self.deducted.currency(), self.amount.currency());
        match () {
            () if given != expected => Err(Rejection::WrongCurrency { given, expected }),
            () if self.deducted.minor() < 0 => Err(Rejection::AmountNotPositive),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{money::Currency, testing::*};

    fn refundable(given: &Given) -> Money {
        given.account().payments.iter().next().unwrap().refundable().unwrap()
    }

    #[test]
    fn what_is_disputed_is_not_refunded_and_the_subscription_goes_on() {
        let given = given_subscribed("pro").and(dispute("disp_1", DisputeState::Open));
        assert!(refundable(&given).is_zero());
        given.clone().when(refund(None)).rejected("nothing_to_refund");
        assert!(given.account().live().is_some());
        let won = given.clone().and(dispute("disp_1", DisputeState::Won));
        assert_eq!(refundable(&won), usd("15"));
        let partly = RecordDispute { deducted: usd("4"), ..dispute("disp_1", DisputeState::Lost) };
        assert_eq!(refundable(&given.and(partly)), usd("11"));
    }

    #[test]
    fn a_dispute_that_ends_otherwise_is_for_somebody_to_look_at() {
        let given = given_subscribed("pro").and(dispute("disp_1", DisputeState::Closed));
        let lost = dispute("disp_1", DisputeState::Lost);
        given.when(lost).rejected("dispute_ended_otherwise");
    }

    #[test]
    fn in_any_order_and_however_often_a_dispute_ends_once() {
        let (open, lost) =
            (dispute("disp_1", DisputeState::Open), dispute("disp_1", DisputeState::Lost));
        let given = given_subscribed("pro");
        let opened = given.clone().and(open.clone());
        opened.clone().when(open.clone()).rejected("dispute_known");
        opened.clone().when(lost.clone()).recorded(&["dispute.closed"]);
        given.clone().when(lost.clone()).recorded(&["dispute.opened", "dispute.closed"]);
        let ended = given.and(lost.clone());
        for late in [open, lost] {
            ended.clone().when(late).rejected("dispute_known");
        }
        let won = dispute("disp_1", DisputeState::Won);
        ended.clone().when(won).rejected("dispute_ended_otherwise");
        ended.when(dispute("disp_2", DisputeState::Open)).recorded(&["dispute.opened"]);
    }

    #[test]
    fn a_dispute_that_makes_no_sense_is_refused() {
        let given = given_subscribed("pro");
        let base = dispute("disp_1", DisputeState::Lost);
        let rupees = Money::parse("15", Currency::INR).unwrap();
        let unknown = RecordDispute { processor_payment_id: "pay_9".into(), ..base.clone() };
        given.clone().when(unknown).rejected("payment_unknown");
        given.clone().when(dispute("", DisputeState::Open)).rejected("processor_id_invalid");
        let nothing = RecordDispute { amount: usd("0"), ..base.clone() };
        given.clone().when(nothing).rejected("amount_not_positive");
        let below = RecordDispute { deducted: usd("-1"), ..base.clone() };
        given.clone().when(below).rejected("amount_not_positive");
        let foreign = RecordDispute { deducted: rupees, ..base };
        given.when(foreign).rejected("currency_mismatch");
    }

    #[test]
    fn what_was_refunded_and_disputed_leaves_nothing_below_zero() {
        let given = given_subscribed("pro").and(refund(None));
        let given = given.and(dispute("disp_1", DisputeState::Open));
        assert!(refundable(&given).is_zero());
    }
}
