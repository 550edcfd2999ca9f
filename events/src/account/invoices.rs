//! Invoices: what was billed, and what of it is due, paid and taken back.

use std::sync::Arc;

use imbl::OrdMap;

use crate::{
    envelope::Recorded,
    event::{CreditApplied, CreditNoteIssued, InvoiceIssued, InvoiceLine, InvoicePaid},
    history::HistoryError,
    ids::{InvoiceId, PaymentId, SubscriptionId},
    money::{Money, MoneyError},
};

/// One line of an invoice, and what credit notes have taken from it.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line as billed.
    pub billed: InvoiceLine,
    /// What credit notes have taken back.
    pub credited: Money,
}

/// One invoice.
#[derive(Debug, Clone)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Its number.
    pub number: String,
    /// The subscription it bills.
    pub subscription_id: SubscriptionId,
    /// Its lines.
    pub lines: Vec<Line>,
    /// What is still to be paid.
    pub due: Money,
    /// The payments that went into it.
    pub payments: Vec<PaymentId>,
}

impl Invoice {
    /// Whether something is still to be paid.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.due.is_positive()
    }
}

/// An account's invoices.
#[derive(Debug, Clone, Default)]
pub struct Invoices {
    by_id: OrdMap<InvoiceId, Arc<Invoice>>,
}

impl Invoices {
    /// An invoice by its id.
    #[must_use]
    pub fn get(&self, id: InvoiceId) -> Option<&Arc<Invoice>> {
        self.by_id.get(&id)
    }

    /// The invoices of a subscription, oldest first.
    pub fn of(&self, subscription: SubscriptionId) -> impl Iterator<Item = &Arc<Invoice>> {
        self.by_id.values().filter(move |invoice| invoice.subscription_id == subscription)
    }

    /// Every invoice, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Invoice>> {
        self.by_id.values()
    }

    pub(super) fn issued(&mut self, issued: &InvoiceIssued, recorded: &Recorded) {
        let line = |line: &InvoiceLine| Line {
            billed: line.clone(),
            credited: Money::zero(line.amount.currency()),
        };
        let invoice = Invoice {
            id: issued.invoice_id,
            number: recorded.number.clone().unwrap_or_default(),
            subscription_id: issued.subscription_id,
            lines: issued.lines.iter().map(line).collect(),
            due: issued.total,
            payments: Vec::new(),
        };
        self.by_id.insert(invoice.id, Arc::new(invoice));
    }

    pub(super) fn paid(&mut self, paid: &InvoicePaid) -> Result<(), HistoryError> {
        self.change(paid.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(paid.from_payment)?;
            invoice.payments.extend(paid.payment_id);
            Ok(())
        })
    }

    pub(super) fn credit_applied(&mut self, applied: &CreditApplied) -> Result<(), HistoryError> {
        self.change(applied.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(applied.amount)?;
            Ok(())
        })
    }

    pub(super) fn credited(&mut self, note: &CreditNoteIssued) -> Result<(), HistoryError> {
        self.change(note.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(note.reduces_due)?;
            for credit in &note.lines {
                let index = usize::try_from(credit.line).unwrap_or(usize::MAX);
                if let Some(line) = invoice.lines.get_mut(index) {
                    line.credited = line.credited.plus(credit.amount)?;
                }
            }
            Ok(())
        })
    }

    fn change(
        &mut self,
        id: InvoiceId,
        change: impl FnOnce(&mut Invoice) -> Result<(), MoneyError>,
    ) -> Result<(), HistoryError> {
        let invoice = self.by_id.get_mut(&id);
        let invoice = invoice.ok_or_else(|| HistoryError::Missing(format!("invoice {id}")))?;
        Ok(change(Arc::make_mut(invoice))?)
    }
}
