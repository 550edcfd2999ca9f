//! Payments that came in, and refunds that go out of them.

use std::sync::Arc;

use imbl::OrdMap;

use super::in_order::InOrder;
use crate::{
    event::{PaymentCaptured, PaymentEvent as E, RefundRequested},
    history::HistoryError,
    ids::{PaymentId, RefundId},
    money::{Money, MoneyError},
};

/// One payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// As it was captured.
    pub captured: PaymentCaptured,
    /// What refunds have reserved or sent back of it. A failed refund stays reserved: the amount
    /// is owed to the customer.
    pub refunded: Money,
}

impl Payment {
    /// What refunds can still take.
    ///
    /// # Errors
    /// Never for a history that holds together.
    pub fn refundable(&self) -> Result<Money, MoneyError> {
        self.captured.amount.minus(self.refunded)
    }
}

/// How far a refund has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// Reserved; the processor's answer is not known.
    Requested,
    /// Sent back.
    Processed,
    /// Refused by the processor; still owed.
    Failed,
}

/// One refund.
#[derive(Debug, Clone)]
pub struct Refund {
    /// As it was requested.
    pub requested: RefundRequested,
    /// How far it has come.
    pub status: RefundStatus,
}

/// An account's payments and refunds.
#[derive(Debug, Clone, Default)]
pub struct Payments {
    by_id: InOrder<PaymentId, Payment>,
    by_processor_payment_id: OrdMap<String, PaymentId>,
    refunds: InOrder<RefundId, Refund>,
}

impl Payments {
    /// A payment by its id.
    #[must_use]
    pub fn get(&self, id: PaymentId) -> Option<&Arc<Payment>> {
        self.by_id.get(id)
    }

    /// Whether the processor's payment is already booked.
    #[must_use]
    pub fn is_booked(&self, processor_payment_id: &str) -> bool {
        self.by_processor_payment_id.contains_key(processor_payment_id)
    }

    /// A refund by its id.
    #[must_use]
    pub fn refund(&self, id: RefundId) -> Option<&Arc<Refund>> {
        self.refunds.get(id)
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
            E::RefundRequested(requested) => self.refund_requested(requested),
            E::RefundProcessed(processed) => {
                self.refund_settled(processed.refund_id, RefundStatus::Processed)
            }
            E::RefundFailed(failed) => self.refund_settled(failed.refund_id, RefundStatus::Failed),
        }
    }

    fn captured(&mut self, captured: &PaymentCaptured) {
        let refunded = Money::zero(captured.amount.currency());
        let payment = Payment { captured: captured.clone(), refunded };
        let processor_id = captured.processor_payment_id.clone();
        self.by_processor_payment_id.insert(processor_id, captured.payment_id);
        self.by_id.add(captured.payment_id, payment);
    }

    fn refund_requested(&mut self, requested: &RefundRequested) -> Result<(), HistoryError> {
        let id = requested.payment_id;
        let payment = self.by_id.get_mut(id);
        let payment = payment.ok_or_else(|| HistoryError::Missing(format!("payment {id}")))?;
        payment.refunded = payment.refunded.plus(requested.amount)?;
        let refund = Refund { requested: requested.clone(), status: RefundStatus::Requested };
        self.refunds.add(requested.refund_id, refund);
        Ok(())
    }

    fn refund_settled(&mut self, id: RefundId, status: RefundStatus) -> Result<(), HistoryError> {
        let refund = self.refunds.get_mut(id);
        refund.ok_or_else(|| HistoryError::Missing(format!("refund {id}")))?.status = status;
        Ok(())
    }
}
