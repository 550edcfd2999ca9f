//! The tables of a snapshot that are folded from an account's events: their columns, and the rows
//! that a projection's rows become.
//!
//! Nothing here is personal: a row names an account by its id, so that a snapshot may be kept for
//! as long as the books are, whatever becomes of the customer's particulars.

use daybook_projections::{
    invoices::{CreditNote, InvoiceRow},
    journal::entry::Entry,
    payments::PaymentRow,
    refunds::RefundRow,
    subscriptions::SubscriptionRow,
};
use serde::Serialize;

use super::cells::{Cell, Column, Kind};

/// Columns, each as `Kind name`.
macro_rules! columns {
    ($($(#[$doc:meta])* $table:ident { $($kind:ident $name:ident)* })*) => {$(
        $(#[$doc])*
        pub const $table: &[Column] =
            &[$(Column { name: stringify!($name), kind: Kind::$kind }),*];
    )*};
}

columns! {
    /// Postings, in the order of their entries.
    JOURNAL {
        Count entry Count position Plain posting_on Plain kind Plain account_id Text reference
        Text description Plain account Plain currency Amount amount
    }
    /// Invoices as they stood.
    INVOICES {
        Plain invoice_id Text number Plain account_id Plain subscription_id Plain order_id
        Plain issued_at Plain posting_on Plain status Plain place_of_supply Plain currency Amount price Amount discount
        Amount net Amount tax Amount total Amount due Amount paid_by_payment Amount paid_by_credit
        Amount credited Amount written_off Plain paid_at
    }
    /// The lines of the invoices.
    INVOICE_LINES {
        Plain invoice_id Text number Count line Text description Plain plan_id Count plan_revision
        Plain from Plain to Plain currency Amount price Amount discount Amount net Amount tax
        Amount total
    }
    /// Credit notes.
    CREDIT_NOTES {
        Plain credit_note_id Text number Plain invoice_id Text invoice_number Plain account_id
        Plain issued_at Plain reason Text explanation Plain currency Amount net Amount tax
        Amount total Amount reduces_due Amount to_credit Amount to_refund
    }
    /// Payments as they stood.
    PAYMENTS {
        Plain payment_id Plain account_id Plain captured_at Plain order_id Plain order_number
        Plain invoice_id Text processor Text processor_payment_id Text processor_order_id
        Plain currency Amount amount Amount fee Amount fee_tax Amount refunded
        Amount refund_reserved Amount disputed Amount deducted Plain status
    }
    /// Refunds as they stood.
    REFUNDS {
        Plain refund_id Plain payment_id Plain account_id Plain requested_at Plain settled_at
        Plain origin Plain status Text processor Text processor_payment_id Text processor_refund_id
        Plain currency Amount amount Amount unplaced Text reason Text failure
    }
    /// Subscriptions as they stood.
    SUBSCRIPTIONS {
        Plain subscription_id Plain account_id Plain plan_id Text plan Text plan_name
        Count plan_revision Plain cycle Plain status Plain currency Amount price Plain period_start
        Plain period_end Plain started_at Plain trial_ends_at Plain cancel_at Plain ended_at
        Plain end_reason
    }
}

/// The word by which a value is stored.
fn word(value: &impl Serialize) -> Cell {
    let json = serde_json::to_value(value).ok();
    Cell::maybe(json.as_ref().and_then(|value| value.as_str()))
}

/// The rows of an entry: one for each posting.
#[must_use]
pub fn journal(number: i64, entry: &Entry) -> Vec<Vec<Cell>> {
    let row = |posting: &daybook_projections::journal::entry::Posting| {
        vec![
            Cell::Count(number),
            entry.position.map_or(Cell::Null, Cell::Count),
            Cell::plain(entry.posting_on),
            Cell::plain(&entry.kind),
            Cell::maybe(entry.account_id),
            Cell::maybe_text(entry.reference.clone()),
            Cell::text(&entry.description),
            Cell::plain(&posting.account),
            Cell::plain(posting.amount.currency()),
            Cell::Amount(posting.amount),
        ]
    };
    entry.postings.iter().map(row).collect()
}

/// The row of an invoice.
#[must_use]
pub fn invoice(row: &InvoiceRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.invoice_id),
        Cell::text(&row.number),
        Cell::plain(row.account_id),
        Cell::plain(row.subscription_id),
        Cell::maybe(row.order_id),
        Cell::plain(row.issued_at),
        Cell::plain(row.posting_on),
        word(&row.status),
        Cell::maybe(row.tax.place_of_supply.as_ref()),
        Cell::plain(row.total.currency()),
        Cell::Amount(row.totals.price),
        Cell::Amount(row.totals.discount),
        Cell::Amount(row.totals.net),
        Cell::Amount(row.totals.tax),
        Cell::Amount(row.total),
        Cell::Amount(row.due),
        Cell::Amount(row.paid_by_payment),
        Cell::Amount(row.paid_by_credit),
        Cell::Amount(row.credited),
        Cell::Amount(row.written_off),
        Cell::maybe(row.paid_at),
    ]
}

/// The rows of an invoice's lines.
///
/// # Errors
/// Taxes whose sum is out of bounds.
pub fn invoice_lines(row: &InvoiceRow) -> Result<Vec<Vec<Cell>>, daybook_events::money::MoneyError> {
    let zero = daybook_events::Money::zero(row.total.currency());
    let mut rows = Vec::with_capacity(row.lines.len());
    for (nth, line) in row.lines.iter().enumerate() {
        let tax = line.taxes.iter().try_fold(zero, |sum, tax| sum.plus(tax.amount))?;
        rows.push(vec![
            Cell::plain(row.invoice_id),
            Cell::text(&row.number),
            Cell::Count(i64::try_from(nth).unwrap_or(i64::MAX).saturating_add(1)),
            Cell::text(&line.description),
            Cell::plain(line.plan_id),
            Cell::Count(line.plan_revision.into()),
            Cell::plain(line.span.start),
            Cell::plain(line.span.end),
            Cell::plain(row.total.currency()),
            Cell::Amount(line.price),
            Cell::Amount(line.discount.as_ref().map_or(zero, |discount| discount.amount)),
            Cell::Amount(line.net),
            Cell::Amount(tax),
            Cell::Amount(line.total),
        ]);
    }
    Ok(rows)
}

/// The row of a credit note.
#[must_use]
pub fn credit_note(invoice: &InvoiceRow, note: &CreditNote) -> Vec<Cell> {
    vec![
        Cell::plain(note.credit_note_id),
        Cell::text(&note.number),
        Cell::plain(invoice.invoice_id),
        Cell::text(&invoice.number),
        Cell::plain(invoice.account_id),
        Cell::plain(note.issued_at),
        word(&note.reason),
        Cell::maybe_text(note.explanation.clone()),
        Cell::plain(note.total.currency()),
        Cell::Amount(note.totals.net),
        Cell::Amount(note.totals.tax),
        Cell::Amount(note.total),
        Cell::Amount(note.reduces_due),
        Cell::Amount(note.to_credit),
        Cell::Amount(note.to_refund),
    ]
}

/// The row of a payment.
#[must_use]
pub fn payment(row: &PaymentRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.payment_id),
        Cell::plain(row.account_id),
        Cell::plain(row.captured_at),
        Cell::plain(row.order_id),
        Cell::plain(&row.order_number),
        Cell::maybe(row.invoice_id),
        Cell::text(&row.processor),
        Cell::text(&row.processor_payment_id),
        Cell::text(&row.processor_order_id),
        Cell::plain(row.amount.currency()),
        Cell::Amount(row.amount),
        row.fee.map_or(Cell::Null, Cell::Amount),
        row.fee_tax.map_or(Cell::Null, Cell::Amount),
        Cell::Amount(row.refunded),
        Cell::Amount(row.refund_reserved),
        Cell::Amount(row.disputed),
        Cell::Amount(row.deducted),
        word(&row.status),
    ]
}

/// The row of a refund.
#[must_use]
pub fn refund(row: &RefundRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.refund_id),
        Cell::plain(row.payment_id),
        Cell::plain(row.account_id),
        Cell::plain(row.requested_at),
        Cell::maybe(row.settled_at),
        word(&row.origin),
        word(&row.status),
        Cell::text(&row.processor),
        Cell::text(&row.processor_payment_id),
        Cell::maybe_text(row.processor_refund_id.clone()),
        Cell::plain(row.amount.currency()),
        Cell::Amount(row.amount),
        Cell::Amount(row.unplaced),
        Cell::maybe_text(row.reason.clone()),
        Cell::maybe_text(row.failure.clone()),
    ]
}

/// The row of a subscription.
#[must_use]
pub fn subscription(row: &SubscriptionRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.subscription_id),
        Cell::plain(row.account_id),
        Cell::plain(row.plan.plan_id),
        Cell::text(&row.plan.slug),
        Cell::text(&row.plan.name),
        Cell::Count(row.plan.revision.into()),
        word(&row.plan.cycle),
        word(&row.status),
        Cell::plain(row.plan.price.currency()),
        Cell::Amount(row.plan.price),
        Cell::plain(row.period.start),
        Cell::plain(row.period.end),
        Cell::plain(row.started_at),
        Cell::maybe(row.trial_ends_at),
        Cell::maybe(row.cancel_at),
        Cell::maybe(row.ended_at),
        row.end_reason.as_ref().map_or(Cell::Null, word),
    ]
}
