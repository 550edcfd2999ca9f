//! Invoices: what was billed, and what of it is due, paid and taken back.

use std::sync::Arc;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::in_order::InOrder;
use crate::{
    envelope::Recorded,
    event::{
        CreditApplied, CreditNoteIssued, DocumentOf, InvoiceEvent as E, InvoiceIssued, InvoiceLine,
        InvoicePaid,
    },
    history::HistoryError,
    ids::{InvoiceId, PaymentId, SubscriptionId},
    money::{Money, MoneyError},
    policy::DunningDate,
    tax::Tax,
    time::Timestamp,
    totals::Taxed,
};

/// One line of an invoice, and what credit notes have left of it.
#[derive(Debug, Clone)]
pub struct Line {
    /// The line as billed.
    pub billed: InvoiceLine,
    /// What credit notes have left.
    pub left: Taxed,
}

impl Line {
    fn billed(line: &InvoiceLine) -> Self {
        let (net, taxes) = (line.net, line.taxes.clone());
        let left = Taxed { amount: line.amount, net, taxes, total: line.total };
        Self { billed: line.clone(), left }
    }

    /// What credit notes have taken of its amount.
    ///
    /// # Errors
    /// Never for a history that holds together.
    pub fn credited(&self) -> Result<Money, MoneyError> {
        self.billed.amount.minus(self.left.amount)
    }
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
    /// The instant from which its issue counts.
    pub issued_at: Timestamp,
    /// Its lines.
    pub lines: Vec<Line>,
    /// How it is taxed.
    pub tax: Tax,
    /// What is still to be paid.
    pub due: Money,
    /// What was given up.
    pub written_off: Money,
    /// What follows while it is unpaid.
    pub dunning: Vec<DunningDate>,
    /// The payments that went into it.
    pub payments: Vec<PaymentId>,
    /// Whether what it billed is given no longer.
    pub service_over: bool,
}

impl Invoice {
    /// Whether something is still to be paid.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.due.is_positive()
    }
}

/// An invoice or a credit note as a document.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its number.
    pub number: String,
    /// The position of its issue.
    pub position: i64,
    /// The SHA-256 of its bytes, lower-case hex; `None` while it was not printed.
    pub sha256: Option<String>,
}

/// An account's invoices.
#[derive(Debug, Clone, Default)]
pub struct Invoices {
    by_id: InOrder<InvoiceId, Invoice>,
    documents: InOrder<DocumentOf, Document>,
}

impl Invoices {
    /// An invoice by its id.
    #[must_use]
    pub fn get(&self, id: InvoiceId) -> Option<&Arc<Invoice>> {
        self.by_id.get(id)
    }

    /// An invoice or a credit note as a document.
    #[must_use]
    pub fn document(&self, of: DocumentOf) -> Option<&Arc<Document>> {
        self.documents.get(of)
    }

    /// The invoices of a subscription, oldest first.
    pub fn of(&self, subscription: SubscriptionId) -> impl Iterator<Item = &Arc<Invoice>> {
        self.by_id.iter().filter(move |invoice| invoice.subscription_id == subscription)
    }

    /// The invoices of a subscription with something to pay, oldest first.
    pub fn open_of(&self, subscription: SubscriptionId) -> impl Iterator<Item = &Arc<Invoice>> {
        self.of(subscription).filter(|invoice| invoice.is_open())
    }

    /// The invoices of a subscription that billed beyond an instant what is still given and was not
    /// taken back whole, oldest first.
    #[must_use]
    pub fn beyond(&self, subscription: SubscriptionId, at: Timestamp) -> Vec<InvoiceId> {
        let runs = |line: &Line| line.billed.span.end > at && line.left.net.is_positive();
        let given = self.of(subscription).filter(|invoice| !invoice.service_over);
        let running = given.filter(|invoice| invoice.lines.iter().any(runs));
        running.map(|invoice| invoice.id).collect()
    }

    /// How many lines a subscription was billed on a day of a zone. The accounting day will not do:
    /// a whole year that is learned of late posts to the first open one.
    #[must_use]
    pub fn lines_on(&self, subscription: SubscriptionId, day: NaiveDate, zone: Tz) -> usize {
        let on_day = |invoice: &&Arc<Invoice>| invoice.issued_at.day_in(zone) == day;
        let on_day = self.of(subscription).filter(on_day);
        on_day.map(|invoice| invoice.lines.len()).sum()
    }

    /// Every invoice, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Invoice>> {
        self.by_id.iter()
    }

    pub(super) fn evolve(&mut self, event: &E, recorded: &Recorded) -> Result<(), HistoryError> {
        match event {
            E::InvoiceIssued(issued) => self.issued(issued, recorded),
            E::InvoicePaid(paid) => self.paid(paid)?,
            E::InvoiceWrittenOff(written_off) => {
                self.change(written_off.invoice_id, |invoice| {
                    invoice.due = invoice.due.minus(written_off.amount)?;
                    invoice.written_off = invoice.written_off.plus(written_off.amount)?;
                    Ok(())
                })?
            }
            E::CreditNoteIssued(note) => {
                let credit_note_id = note.credit_note_id;
                self.document_issued(DocumentOf::CreditNote { credit_note_id }, recorded);
                self.credited(note)?;
            }
            E::DocumentRendered(rendered) => {
                let document = self.documents.get_mut(rendered.document);
                let missing = || HistoryError::Missing(format!("document {}", rendered.document));
                document.ok_or_else(missing)?.sha256 = Some(rendered.sha256.clone());
            }
        }
        Ok(())
    }

    fn document_issued(&mut self, of: DocumentOf, recorded: &Recorded) {
        let number = recorded.number.clone().unwrap_or_default();
        let document = Document { number, position: recorded.position, sha256: None };
        self.documents.add(of, document);
    }

    fn issued(&mut self, issued: &InvoiceIssued, recorded: &Recorded) {
        let invoice = Invoice {
            id: issued.invoice_id,
            number: recorded.number.clone().unwrap_or_default(),
            subscription_id: issued.subscription_id,
            issued_at: recorded.effective_at,
            lines: issued.lines.iter().map(Line::billed).collect(),
            tax: issued.tax.clone(),
            due: issued.totals.total,
            written_off: Money::zero(issued.totals.total.currency()),
            dunning: issued.dunning.clone(),
            payments: Vec::new(),
            service_over: false,
        };
        let invoice_id = invoice.id;
        self.document_issued(DocumentOf::Invoice { invoice_id }, recorded);
        self.by_id.add(invoice_id, invoice);
    }

    fn paid(&mut self, paid: &InvoicePaid) -> Result<(), HistoryError> {
        self.change(paid.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(paid.from_payment)?;
            invoice.payments.extend(paid.payment_id);
            Ok(())
        })
    }

    fn credited(&mut self, note: &CreditNoteIssued) -> Result<(), HistoryError> {
        self.change(note.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(note.reduces_due)?;
            for credit in &note.lines {
                let index = usize::try_from(credit.line).unwrap_or(usize::MAX);
                if let Some(line) = invoice.lines.get_mut(index) {
                    let (net, taxes) = (credit.net, credit.taxes.clone());
                    let part = Taxed { amount: credit.amount, net, taxes, total: credit.total };
                    line.left = line.left.less(&part)?;
                }
            }
            Ok(())
        })
    }

    pub(super) fn credit_applied(&mut self, applied: &CreditApplied) -> Result<(), HistoryError> {
        self.change(applied.invoice_id, |invoice| {
            invoice.due = invoice.due.minus(applied.amount)?;
            Ok(())
        })
    }

    /// What these invoices billed is given no longer.
    pub(super) fn service_over(&mut self, ids: &[InvoiceId]) -> Result<(), HistoryError> {
        ids.iter().try_for_each(|id| {
            self.change(*id, |invoice| {
                invoice.service_over = true;
                Ok(())
            })
        })
    }

    /// What was written off is due again.
    pub(super) fn due_again(&mut self, id: InvoiceId, amount: Money) -> Result<(), HistoryError> {
        self.change(id, |invoice| {
            invoice.written_off = invoice.written_off.minus(amount)?;
            invoice.due = invoice.due.plus(amount)?;
            Ok(())
        })
    }

    fn change(
        &mut self,
        id: InvoiceId,
        change: impl FnOnce(&mut Invoice) -> Result<(), MoneyError>,
    ) -> Result<(), HistoryError> {
        let invoice = self.by_id.get_mut(id);
        let invoice = invoice.ok_or_else(|| HistoryError::Missing(format!("invoice {id}")))?;
        Ok(change(invoice)?)
    }
}
