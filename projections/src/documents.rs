//! Which documents are there, and what are their bytes? Asked by whoever downloads one, by the
//! service that prints them, and by an auditor who compares a file with what was recorded of it.
//!
//! One row per invoice and per credit note, printed or not. The bytes themselves are no fact of the
//! ledger: their hash is.

use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{
        AccountEvent as A, DocumentOf, DocumentRendered, InvoiceEvent as I, InvoiceIssued, Printing,
    },
    ids::{AccountId, InvoiceId},
    tax::Tax,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DocumentKind {
    /// An invoice.
    Invoice,
    /// A credit note.
    CreditNote,
    /// A receipt: what a merchant of record sold.
    Receipt,
    /// Takes (part of) a receipt back.
    ReceiptNote,
}

/// What was recorded of a document when it was printed first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rendered {
    /// The position of the record.
    pub position: i64,
    /// The position of the log as of which it is printed.
    pub shows: i64,
    /// The SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of file it is, such as `application/pdf`.
    pub media_type: String,
    /// How it was printed.
    pub printing: Printing,
}

impl Rendered {
    fn first(rendered: &DocumentRendered, position: i64) -> Self {
        Self {
            position,
            shows: rendered.shows,
            sha256: rendered.sha256.clone(),
            bytes: rendered.bytes,
            media_type: rendered.media_type.clone(),
            printing: rendered.printing.clone(),
        }
    }
}

/// A document as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whose it is.
    pub account_id: AccountId,
    /// The id of the invoice or of the credit note.
    pub document_id: String,
    /// What it is.
    pub kind: DocumentKind,
    /// Its number, without gaps in its financial year.
    pub number: String,
    /// The invoice that it is, or takes from.
    pub invoice_id: InvoiceId,
    /// What it bills or takes back, with tax.
    pub total: Money,
    /// The instant of its issue.
    pub issued_at: Timestamp,
    /// The position of its issue.
    pub issued: i64,
    /// What was recorded of its bytes; `null` while it was not printed.
    pub rendered: Option<Rendered>,
}

impl DocumentRow {
    /// What the document is printed of.
    #[must_use]
    pub fn of(&self) -> Option<DocumentOf> {
        let invoice_id = self.invoice_id;
        match self.kind {
            DocumentKind::Invoice | DocumentKind::Receipt => {
                Some(DocumentOf::Invoice { invoice_id })
            }
            DocumentKind::CreditNote | DocumentKind::ReceiptNote => {
                let credit_note_id = self.document_id.parse().ok()?;
                Some(DocumentOf::CreditNote { credit_note_id })
            }
        }
    }

    fn issued(
        account_id: AccountId,
        (kind, of, invoice_id): (DocumentKind, DocumentOf, InvoiceId),
        total: Money,
        recorded: &Recorded,
    ) -> Self {
        Self {
            position: recorded.position,
            account_id,
            document_id: of.to_string(),
            kind,
            number: recorded.number.clone().unwrap_or_default(),
            invoice_id,
            total,
            issued_at: recorded.effective_at,
            issued: recorded.position,
            rendered: None,
        }
    }
}

fn kind(tax: &Tax, takes_back: bool) -> DocumentKind {
    match (tax.is_by_merchant_of_record(), takes_back) {
        (false, false) => DocumentKind::Invoice,
        (false, true) => DocumentKind::CreditNote,
        (true, false) => DocumentKind::Receipt,
        (true, true) => DocumentKind::ReceiptNote,
    }
}

/// The document that an event is about.
fn document_of(event: &I) -> Option<DocumentOf> {
    match event {
        I::InvoiceIssued(InvoiceIssued { invoice_id, .. }) => {
            Some(DocumentOf::Invoice { invoice_id: *invoice_id })
        }
        I::CreditNoteIssued(note) => {
            Some(DocumentOf::CreditNote { credit_note_id: note.credit_note_id })
        }
        I::DocumentRendered(rendered) => Some(rendered.document),
        I::InvoicePaid(_) | I::InvoiceWrittenOff(_) => None,
    }
}

/// The projection of every document.
#[derive(Debug)]
pub struct Documents;

impl Projection for Documents {
    type Row = DocumentRow;

    const NAME: &'static str = "documents";
    const TABLE: &'static str = include_str!("../../migrations/projections/documents.sql");

    fn account(row: &DocumentRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(A::Invoice(event)) => {
                document_of(event).iter().map(ToString::to_string).collect()
            }
            Event::Account(_)
            | Event::Plan(_)
            | Event::Coupon(_)
            | Event::Access(_)
            | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<DocumentRow>,
        recorded: &Recorded,
    ) -> Result<Option<DocumentRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        let Event::Account(A::Invoice(event)) = &recorded.event else { return Ok(row) };
        let account = || recorded.account().ok_or_else(missing);
        Ok(match event {
            I::InvoiceIssued(it) => {
                let invoice_id = it.invoice_id;
                let what = (kind(&it.tax, false), DocumentOf::Invoice { invoice_id }, invoice_id);
                Some(DocumentRow::issued(account()?, what, it.totals.total, recorded))
            }
            I::CreditNoteIssued(it) => {
                let credit_note_id = it.credit_note_id;
                let of = DocumentOf::CreditNote { credit_note_id };
                let what = (kind(&it.tax, true), of, it.invoice_id);
                Some(DocumentRow::issued(account()?, what, it.totals.total, recorded))
            }
            I::DocumentRendered(it) => {
                let rendered = Some(Rendered::first(it, recorded.position));
                let row = row.ok_or_else(missing)?;
                Some(DocumentRow { position: recorded.position, rendered, ..row })
            }
            I::InvoicePaid(_) | I::InvoiceWrittenOff(_) => row,
        })
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::*;

    use super::*;
    use crate::testing::fold_all;

    #[test]
    fn an_invoice_and_its_credit_note_are_documents_each_with_its_own_bytes() {
        let given = given_subscribed("pro").and(refund(None));
        let given = given.clone().and(print_invoice(&given, 'a'));
        let rows = fold_all::<Documents>(given.events());
        let [note, invoice] = [DocumentKind::CreditNote, DocumentKind::Invoice]
            .map(|kind| rows.values().find(|row| row.kind == kind).unwrap());
        assert_eq!((invoice.number.as_str(), invoice.total), ("INV-2026-000001", usd("15")));
        assert_eq!((note.number.as_str(), note.invoice_id), ("CN-2026-000001", invoice.invoice_id));
        let rendered = invoice.rendered.clone().unwrap();
        assert_eq!((rendered.sha256, rendered.shows), ("a".repeat(64), invoice.issued));
        assert_eq!(rendered.position, invoice.position);
        assert_eq!(note.rendered, None);
        for (key, row) in &rows {
            assert_eq!(row.of().unwrap().to_string(), *key);
        }
    }

    #[test]
    fn what_a_merchant_of_record_sold_has_a_receipt() {
        let given = given_run_by_merchant();
        let rows = fold_all::<Documents>(given.events());
        assert!(rows.values().all(|row| row.kind == DocumentKind::Receipt));
        assert!(!rows.is_empty());
    }
}
