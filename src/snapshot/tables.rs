//! The tables of a snapshot that are folded from an account's events: their columns, and the rows
//! that a projection's rows become.
//!
//! No name or address is here: a row names an account by its id, so that a snapshot may be kept for
//! as long as the books are, whatever becomes of the customer's particulars.

use daybook_projections::{
    books::{
        ageing::ReceivableRow,
        deferred::{DeferredMonthRow, DeferredRow},
        roll_forward::RollForwardRow,
        trial_balance::TrialBalanceRow,
    },
    invoices::{CreditNote, InvoiceRow},
    journal::entry::{Entry, Posting},
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
    /// What each account was debited and credited.
    TRIAL_BALANCE {
        Plain currency Plain account Plain type Amount debit Amount credit Amount balance
    }
    /// How deferred revenue came from one balance to the next, month by month.
    REVENUE_ROLL_FORWARD {
        Plain currency Plain month Amount opening_deferred Amount billed Amount credited_unearned
        Amount recognised Amount closing_deferred Amount contra_revenue Amount net_revenue
    }
    /// What is due on each invoice, and for how long it has been.
    RECEIVABLES_AGEING {
        Plain currency Text invoice_number Plain invoice_id Plain account_id Plain issued_on
        Plain due_on Count days_overdue Plain bucket Amount due
    }
    /// What of each line of each invoice is earned, and what is deferred.
    DEFERRED_REVENUE {
        Plain currency Text invoice_number Plain invoice_id Plain account_id Count line
        Text description Plain first_day Plain end_day Amount net Amount credited_unearned
        Amount recognised Amount deferred
    }
    /// In which months each line will be earned.
    DEFERRED_REVENUE_MONTHS {
        Plain currency Text invoice_number Plain invoice_id Count line Plain month Amount amount
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
        Plain currency Amount amount Amount sent Amount unplaced Text reason Text failure
    }
    /// Subscriptions as they stood.
    SUBSCRIPTIONS {
        Plain subscription_id Plain account_id Plain plan_id Text plan Text plan_name
        Count plan_revision Plain cycle Plain status Plain currency Amount price Plain period_start
        Plain period_end Plain started_at Plain trial_ends_at Plain cancel_at Plain ended_at
        Plain end_reason
    }
}

/// Every table there is, by the name of its files.
pub const TABLES: &[(&str, &[Column])] = &[
    ("credit_notes", CREDIT_NOTES),
    ("deferred_revenue", DEFERRED_REVENUE),
    ("deferred_revenue_months", DEFERRED_REVENUE_MONTHS),
    ("invoice_lines", INVOICE_LINES),
    ("invoices", INVOICES),
    ("journal", JOURNAL),
    ("payments", PAYMENTS),
    ("receivables_ageing", RECEIVABLES_AGEING),
    ("refunds", REFUNDS),
    ("revenue_roll_forward", REVENUE_ROLL_FORWARD),
    ("subscriptions", SUBSCRIPTIONS),
    ("trial_balance", TRIAL_BALANCE),
];

/// The word by which a value is stored.
pub(super) fn word(value: &impl Serialize) -> Cell {
    let json = serde_json::to_value(value).ok();
    Cell::maybe(json.as_ref().and_then(|value| value.as_str()))
}

/// A line of an invoice, as people count: from 1, alike in every table.
fn line(index: u32) -> Cell {
    Cell::Count(i64::from(index) + 1)
}

/// The rows of an entry: one for each posting.
#[must_use]
pub fn journal(number: i64, entry: &Entry) -> Vec<Vec<Cell>> {
    let row = |posting: &Posting| {
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
            posting.amount.into(),
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
        row.totals.price.into(),
        row.totals.discount.into(),
        row.totals.net.into(),
        row.totals.tax.into(),
        row.total.into(),
        row.due.into(),
        row.paid_by_payment.into(),
        row.paid_by_credit.into(),
        row.credited.into(),
        row.written_off.into(),
        Cell::maybe(row.paid_at),
    ]
}

/// The rows of an invoice's lines.
///
/// # Errors
/// Taxes whose sum is out of bounds.
pub fn invoice_lines(
    row: &InvoiceRow,
) -> Result<Vec<Vec<Cell>>, daybook_events::money::MoneyError> {
    let zero = daybook_events::Money::zero(row.total.currency());
    let mut rows = Vec::with_capacity(row.lines.len());
    for (nth, billed) in row.lines.iter().enumerate() {
        let tax = billed.taxes.iter().try_fold(zero, |sum, tax| sum.plus(tax.amount))?;
        rows.push(vec![
            Cell::plain(row.invoice_id),
            Cell::text(&row.number),
            line(u32::try_from(nth).unwrap_or(u32::MAX)),
            Cell::text(&billed.description),
            Cell::plain(billed.plan_id),
            Cell::Count(billed.plan_revision.into()),
            Cell::plain(billed.span.start),
            Cell::plain(billed.span.end),
            Cell::plain(row.total.currency()),
            billed.price.into(),
            billed.discount.as_ref().map_or(zero, |discount| discount.amount).into(),
            billed.net.into(),
            tax.into(),
            billed.total.into(),
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
        note.totals.net.into(),
        note.totals.tax.into(),
        note.total.into(),
        note.reduces_due.into(),
        note.to_credit.into(),
        note.to_refund.into(),
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
        row.amount.into(),
        row.fee.map_or(Cell::Null, Cell::from),
        row.fee_tax.map_or(Cell::Null, Cell::from),
        row.refunded.into(),
        row.refund_reserved.into(),
        row.disputed.into(),
        row.deducted.into(),
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
        row.amount.into(),
        row.sent.into(),
        row.unplaced.into(),
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
        row.plan.price.into(),
        Cell::plain(row.period.start),
        Cell::plain(row.period.end),
        Cell::plain(row.started_at),
        Cell::maybe(row.trial_ends_at),
        Cell::maybe(row.cancel_at),
        Cell::maybe(row.ended_at),
        row.end_reason.as_ref().map_or(Cell::Null, word),
    ]
}

/// A row of the trial balance.
#[must_use]
pub fn trial_balance(row: &TrialBalanceRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.currency),
        Cell::plain(&row.account),
        row.kind.as_ref().map_or(Cell::Null, word),
        Cell::Amount(row.debit, row.currency),
        Cell::Amount(row.credit, row.currency),
        Cell::Amount(row.balance, row.currency),
    ]
}

/// A month of the roll-forward.
#[must_use]
pub fn roll_forward(row: &RollForwardRow) -> Vec<Cell> {
    let amount = |amount| Cell::Amount(amount, row.currency);
    vec![
        Cell::plain(row.currency),
        Cell::plain(&row.month),
        amount(row.opening_deferred),
        amount(row.billed),
        amount(row.credited_unearned),
        amount(row.recognised),
        amount(row.closing_deferred),
        amount(row.contra_revenue),
        amount(row.net_revenue),
    ]
}

/// What is due on an invoice.
#[must_use]
pub fn receivable(row: &ReceivableRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.currency),
        Cell::text(&row.invoice_number),
        Cell::plain(row.invoice_id),
        Cell::plain(row.account_id),
        Cell::plain(row.issued_on),
        Cell::plain(row.due_on),
        Cell::Count(row.days_overdue),
        word(&row.bucket),
        Cell::Amount(row.due, row.currency),
    ]
}

/// What of a line is deferred.
#[must_use]
pub fn deferred(row: &DeferredRow) -> Vec<Cell> {
    let amount = |amount| Cell::Amount(amount, row.currency);
    vec![
        Cell::plain(row.currency),
        Cell::text(&row.invoice_number),
        Cell::plain(row.invoice_id),
        Cell::plain(row.account_id),
        line(row.line),
        Cell::text(&row.description),
        Cell::plain(row.first_day),
        Cell::plain(row.end_day),
        amount(row.net),
        amount(row.credited_unearned),
        amount(row.recognised),
        amount(row.deferred),
    ]
}

/// What a line will earn in a month.
#[must_use]
pub fn deferred_month(row: &DeferredMonthRow) -> Vec<Cell> {
    vec![
        Cell::plain(row.currency),
        Cell::text(&row.invoice_number),
        Cell::plain(row.invoice_id),
        line(row.line),
        Cell::plain(&row.month),
        Cell::Amount(row.amount, row.currency),
    ]
}
