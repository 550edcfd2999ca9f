//! Payments that came in, what processors kept of them, and what went back: by refunds that were
//! asked for here, by refunds that a processor reported, and by disputes.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet, Vector};

use super::in_order::InOrder;
use crate::{
    event::{
        DisputeClosed, DisputeOpened, DisputeOutcome, PaymentCaptured, PaymentEvent as E,
        PaymentFeeCharged, RefundFailed, RefundProcessed, RefundReported, RefundRequested,
        Returned,
    },
    history::HistoryError,
    ids::{PaymentId, RefundId},
    money::{Money, MoneyError},
};

/// A dispute of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dispute {
    /// How much is, or was, disputed.
    pub amount: Money,
    /// How it ended, and what stays taken back; `None` while it is open.
    pub ended: Option<(DisputeOutcome, Money)>,
}

/// One payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// As it was captured.
    pub captured: PaymentCaptured,
    /// What refunds have reserved or sent back of it. A failed refund stays reserved: the amount
    /// is owed to the customer.
    pub refunded: Money,
    /// What of that has been sent back and has not come back, by the processor's word.
    pub sent_back: Money,
    /// What the processor kept of it, once that is known.
    pub fee: Option<PaymentFeeCharged>,
    disputes: OrdMap<String, Dispute>,
    refunds: Vector<RefundId>,
}

impl Payment {
    fn new(captured: &PaymentCaptured) -> Self {
        let nothing = Money::zero(captured.amount.currency());
        Self {
            captured: captured.clone(),
            refunded: nothing,
            sent_back: nothing,
            fee: None,
            disputes: OrdMap::new(),
            refunds: Vector::new(),
        }
    }

    /// What a refund can still take: what was captured, less refunds, open disputes, and what lost
    /// ones took.
    ///
    /// # Errors
    /// Never for a history that holds together.
    pub fn refundable(&self) -> Result<Money, MoneyError> {
        let gone = self.disputed()?.plus(self.deducted()?)?;
        self.unrefunded()?.minus_to_zero(gone)
    }

    /// What was captured, less refunds: disputes do not keep a processor from sending money back.
    ///
    /// # Errors
    /// Never for a history that holds together.
    pub fn unrefunded(&self) -> Result<Money, MoneyError> {
        self.captured.amount.minus(self.refunded)
    }

    /// A dispute by the processor's id of it.
    #[must_use]
    pub fn dispute(&self, dispute_id: &str) -> Option<&Dispute> {
        self.disputes.get(dispute_id)
    }

    /// What open disputes ask for.
    ///
    /// # Errors
    /// Beyond the bound of money.
    pub fn disputed(&self) -> Result<Money, MoneyError> {
        let open = self.disputes.values().filter(|dispute| dispute.ended.is_none());
        Money::sum(self.captured.amount.currency(), open.map(|dispute| dispute.amount))
    }

    /// What disputes that are over have taken.
    ///
    /// # Errors
    /// Beyond the bound of money.
    pub fn deducted(&self) -> Result<Money, MoneyError> {
        let ended = self.disputes.values().filter_map(|dispute| dispute.ended);
        Money::sum(self.captured.amount.currency(), ended.map(|(_, deducted)| deducted))
    }

    /// What of the captured amount a sum in the processor's terms is. They are the same, but for a
    /// merchant of record, whose sums hold its tax.
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn in_our_terms(&self, theirs: Money) -> Result<Money, MoneyError> {
        match self.shares()? {
            Some((ours, total)) => theirs.ratio(ours, total),
            None => Ok(theirs),
        }
    }

    /// What a part of the captured amount is in the processor's terms: the inverse of
    /// [`Self::in_our_terms`].
    ///
    /// # Errors
    /// Another currency, or too large.
    pub fn in_their_terms(&self, ours: Money) -> Result<Money, MoneyError> {
        match self.shares()? {
            Some((amount, total)) => ours.ratio(total, amount),
            None => Ok(ours),
        }
    }

    /// The captured amount and what the customer paid, in minor units, where they differ.
    fn shares(&self) -> Result<Option<(i64, i64)>, MoneyError> {
        let Some(share) = &self.captured.merchant else { return Ok(None) };
        let minor = |money: Money| i64::try_from(money.minor()).map_err(|_| MoneyError::TooLarge);
        let (ours, total) = (minor(self.captured.amount)?, minor(share.total)?);
        Ok(Some((ours, total)).filter(|_| ours != total))
    }
}

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// Reserved; the processor's answer is not known.
    Requested,
    /// Sent back.
    Processed,
    /// Not sent by the processor, or come back, or sent in part only; the rest is still owed.
    Failed,
}

/// Who began a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundOrigin {
    /// It was asked for here.
    Ledger,
    /// The processor reported it.
    Processor,
}

/// One refund.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The payment it goes back to.
    pub payment_id: PaymentId,
    /// How much.
    pub amount: Money,
    /// Who began it.
    pub origin: RefundOrigin,
    /// How far it has come.
    pub status: RefundStatus,
    /// What was sent back under which id of the processor's and has not come back: the whole at
    /// once, or one that failed in parts.
    pub sent: OrdMap<String, Money>,
    /// The processor's ids under which it failed: what they are said to have sent is old news.
    pub failed_as: OrdSet<String>,
}

impl Refund {
    /// What is still to be sent.
    ///
    /// # Errors
    /// Never for a history that holds together.
    pub fn left(&self) -> Result<Money, MoneyError> {
        let sent = Money::sum(self.amount.currency(), self.sent.values().copied())?;
        self.amount.minus_to_zero(sent)
    }

    fn requested(requested: &RefundRequested) -> Self {
        Self {
            id: requested.refund_id,
            payment_id: requested.payment_id,
            amount: requested.amount,
            origin: RefundOrigin::Ledger,
            status: RefundStatus::Requested,
            sent: OrdMap::new(),
            failed_as: OrdSet::new(),
        }
    }

    fn reported(reported: &RefundReported) -> Self {
        Self {
            id: reported.refund_id,
            payment_id: reported.payment_id,
            amount: reported.amount,
            origin: RefundOrigin::Processor,
            status: RefundStatus::Processed,
            sent: OrdMap::unit(reported.processor_refund_id.clone(), reported.amount),
            failed_as: OrdSet::new(),
        }
    }
}

/// An account's payments and refunds.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    by_id: InOrder<PaymentId, Payment>,
    by_processor_payment_id: OrdMap<String, PaymentId>,
    failed: OrdSet<String>,
    refunds: InOrder<RefundId, Refund>,
}

impl Payments {
    /// A payment by its id.
    #[must_use]
    pub fn get(&self, id: PaymentId) -> Option<&Arc<Payment>> {
        self.by_id.get(id)
    }

    /// A payment by the processor's id of it.
    #[must_use]
    pub fn of_processor(&self, processor_payment_id: &str) -> Option<&Arc<Payment>> {
        self.by_processor_payment_id.get(processor_payment_id).and_then(|id| self.get(*id))
    }

    /// Whether the processor's payment is already booked.
    #[must_use]
    pub fn is_booked(&self, processor_payment_id: &str) -> bool {
        self.by_processor_payment_id.contains_key(processor_payment_id)
    }

    /// Whether the processor has said of a payment that it failed. It may be booked all the same.
    #[must_use]
    pub fn has_failed(&self, processor_payment_id: &str) -> bool {
        self.failed.contains(processor_payment_id)
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, id: RefundId) -> Option<&Arc<Refund>> {
        self.refunds.get(id)
    }

    /// The refunds of a payment, requested and reported ones, oldest first.
    pub fn refunds_of(&self, id: PaymentId) -> impl Iterator<Item = &Arc<Refund>> {
        let of_payment = self.get(id).into_iter().flat_map(|payment| &payment.refunds);
        of_payment.filter_map(|id| self.refund(*id))
    }

    /// Every payment, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Payment>> {
        self.by_id.iter()
    }

    pub(super) fn evolve(&mut self, event: &E) -> Result<(), HistoryError> {
        match event {
            E::PaymentCaptured(captured) => {
                self.captured(captured);
                Ok(())
            }
            E::PaymentFeeCharged(charged) => {
                self.payment_mut(charged.payment_id)?.fee = Some(charged.clone());
                Ok(())
            }
            E::PaymentFailed(failed) => {
                self.failed.insert(failed.processor_payment_id.clone());
                Ok(())
            }
            E::RefundRequested(requested) => self.began(Refund::requested(requested)),
            E::RefundProcessed(processed) => self.processed(processed),
            E::RefundFailed(failed) => self.refund_failed(failed),
            E::RefundReported(reported) => {
                self.began(Refund::reported(reported))?;
                self.sent_back(reported.payment_id, reported.amount)
            }
            E::DisputeOpened(opened) => self.dispute_opened(opened),
            E::DisputeClosed(closed) => self.dispute_closed(closed),
        }
    }

    fn captured(&mut self, captured: &PaymentCaptured) {
        let processor_id = captured.processor_payment_id.clone();
        self.by_processor_payment_id.insert(processor_id, captured.payment_id);
        self.by_id.add(captured.payment_id, Payment::new(captured));
    }

    fn began(&mut self, refund: Refund) -> Result<(), HistoryError> {
        let payment = self.payment_mut(refund.payment_id)?;
        payment.refunded = payment.refunded.plus(refund.amount)?;
        payment.refunds.push_back(refund.id);
        self.refunds.add(refund.id, refund);
        Ok(())
    }

    fn processed(&mut self, processed: &RefundProcessed) -> Result<(), HistoryError> {
        let refund = self.refund_mut(processed.refund_id)?;
        let theirs = processed.processor_refund_id.clone();
        let before = refund.sent.get(&theirs).copied();
        let nothing = Money::zero(processed.amount.currency());
        refund.sent.insert(theirs, before.unwrap_or(nothing).plus(processed.amount)?);
        if refund.left()?.is_zero() {
            refund.status = RefundStatus::Processed;
        }
        self.sent_back(processed.payment_id, processed.amount)
    }

    fn refund_failed(&mut self, failed: &RefundFailed) -> Result<(), HistoryError> {
        let refund = self.refund_mut(failed.refund_id)?;
        refund.status = RefundStatus::Failed;
        if let Some(theirs) = &failed.processor_refund_id {
            refund.failed_as.insert(theirs.clone());
            refund.sent.remove(theirs);
        }
        let Some(Returned { payment_id, amount }) = failed.returned else { return Ok(()) };
        let payment = self.payment_mut(payment_id)?;
        payment.sent_back = payment.sent_back.minus(amount)?;
        Ok(())
    }

    fn sent_back(&mut self, id: PaymentId, amount: Money) -> Result<(), HistoryError> {
        let payment = self.payment_mut(id)?;
        payment.sent_back = payment.sent_back.plus(amount)?;
        Ok(())
    }

    fn refund_mut(&mut self, id: RefundId) -> Result<&mut Refund, HistoryError> {
        let refund = self.refunds.get_mut(id);
        refund.ok_or_else(|| HistoryError::Missing(format!("refund {id}")))
    }

    fn dispute_opened(&mut self, opened: &DisputeOpened) -> Result<(), HistoryError> {
        let dispute = Dispute { amount: opened.amount, ended: None };
        let payment = self.payment_mut(opened.payment_id)?;
        payment.disputes.insert(opened.dispute_id.clone(), dispute);
        Ok(())
    }

    fn dispute_closed(&mut self, closed: &DisputeClosed) -> Result<(), HistoryError> {
        let id = &closed.dispute_id;
        let dispute = self.payment_mut(closed.payment_id)?.disputes.get_mut(id);
        let dispute = dispute.ok_or_else(|| HistoryError::Missing(format!("dispute {id}")))?;
        dispute.ended = Some((closed.outcome, closed.deducted));
        Ok(())
    }

    fn payment_mut(&mut self, id: PaymentId) -> Result<&mut Payment, HistoryError> {
        let payment = self.by_id.get_mut(id);
        payment.ok_or_else(|| HistoryError::Missing(format!("payment {id}")))
    }
}
