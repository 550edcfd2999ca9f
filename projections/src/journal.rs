//! What do the books say? Double entry: every event that moves money or obligation, posted once.
//! Asked by finance, for snapshots, and by auditors.
//!
//! One row per subject: an invoice (with its credit notes, the credit that it used, its write-off),
//! a payment (with its fee, refunds and disputes), an adjustment. A row holds its entries, oldest
//! first, and an invoice's also how its lines are earned ([`schedule`]). Entries are only ever
//! added, so the journal at a position is what lies up to it ([`Bounds`]). Earned revenue is posted
//! by no event but by the calendar ([`recognition`]).
//!
//! Every entry adds up to nothing in its currency. At every position of the log the balance of
//! `assets:Receivable` is what is due on invoices, and `liabilities:CustomerCredit` with
//! `liabilities:UnappliedPayments` is what customers have paid in or were given and not used.

pub mod chart;
pub mod entry;
mod postings;
pub mod recognition;
pub mod schedule;

use chrono::NaiveDate;
use daybook_events::{
    Event, Money, Recorded,
    event::{
        AccountEvent as A, Adjusted, CreditEvent as C, CreditSource, InvoiceEvent as I,
        PaymentEvent as P, SubscriptionEvent as S,
    },
    ids::{AccountId, AdjustmentId, InvoiceId, PaymentId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{entry::Entry, schedule::LineSchedule};
use crate::projection::{FoldError, Projection};

/// How far the books are read: what is recorded up to a position, and posted up to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The last position.
    pub position: i64,
    /// The last accounting day, in the seller's zone; revenue is earned up to its end.
    pub through: NaiveDate,
}

impl Bounds {
    /// Whether an entry lies within.
    #[must_use]
    pub fn hold(&self, entry: &Entry) -> bool {
        entry.position.is_none_or(|position| position <= self.position)
            && entry.posting_on <= self.through
    }
}

/// What an invoice's row knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceSubject {
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Its number.
    pub number: String,
    /// The accounting day of its issue.
    pub issued_on: NaiveDate,
    /// The seller's day on which it falls past due: that of the ladder's first step, or of its issue
    /// where nothing is dunned.
    pub due_on: NaiveDate,
    /// How its lines are earned.
    pub lines: Vec<LineSchedule>,
}

/// What a payment's row knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentSubject {
    /// Its id.
    pub payment_id: PaymentId,
    /// The processor that took it.
    pub processor: String,
    /// The processor's id of it.
    pub processor_payment_id: String,
    /// How much it paid, in our terms.
    pub amount: Money,
    /// What of it the processor holds for us: less than the amount where a merchant of record keeps
    /// a tax that was inside our price.
    pub held: Money,
    /// What of the amount went back and has not come back.
    pub gone: Money,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Subject {
    /// An invoice.
    Invoice(InvoiceSubject),
    /// A payment.
    Payment(PaymentSubject),
    /// Credit given by hand.
    Adjustment(AdjustmentId),
}

/// A subject of the journal with its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JournalRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// The position of the first.
    pub first_position: i64,
    /// Whose money or obligation.
    pub account_id: AccountId,
    /// What it is about.
    pub subject: Subject,
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
}

impl JournalRow {
    /// The entries within bounds, oldest first.
    pub fn entries_within<'r>(
        &'r self,
        bounds: &Bounds,
    ) -> impl Iterator<Item = &'r Entry> + use<'r> {
        let bounds = *bounds;
        self.entries.iter().filter(move |entry| bounds.hold(entry))
    }

    /// The schedules of an invoice's lines; none of other subjects.
    #[must_use]
    pub fn lines(&self) -> &[LineSchedule] {
        match &self.subject {
            Subject::Invoice(invoice) => &invoice.lines,
            Subject::Payment(_) | Subject::Adjustment(_) => &[],
        }
    }
}

/// The projection of the journal.
#[derive(Debug)]
pub struct Journal;

/// The keys of the rows that an event of an account changes.
fn keys_of(event: &A) -> Vec<String> {
    let invoice = |id: InvoiceId| vec![format!("invoice:{id}")];
    let payment = |id: PaymentId| vec![format!("payment:{id}")];
    let adjustment = |id: AdjustmentId| vec![format!("adjustment:{id}")];
    let invoices = |ids: &[InvoiceId]| ids.iter().map(|id| format!("invoice:{id}")).collect();
    match event {
        A::Invoice(I::InvoiceIssued(it)) => invoice(it.invoice_id),
        A::Invoice(I::InvoicePaid(it)) => invoice(it.invoice_id),
        A::Invoice(I::InvoiceWrittenOff(it)) => invoice(it.invoice_id),
        A::Invoice(I::CreditNoteIssued(it)) => invoice(it.invoice_id),
        A::Credit(C::CreditApplied(it)) => invoice(it.invoice_id),
        A::Credit(C::CreditGranted(it)) => match it.source {
            // Its note has posted it.
            CreditSource::CreditNote { .. } => Vec::new(),
            CreditSource::Overpayment { payment_id } => payment(payment_id),
            CreditSource::Adjustment { adjustment_id, .. } => adjustment(adjustment_id),
        },
        A::Credit(C::AdjustmentUndone(it)) => match it.adjusted {
            Adjusted::Credit => adjustment(it.adjustment_id),
            Adjusted::WriteOff { invoice_id } => invoice(invoice_id),
        },
        A::Payment(P::PaymentCaptured(it)) => payment(it.payment_id),
        A::Payment(P::PaymentFeeCharged(it)) => payment(it.payment_id),
        A::Payment(P::RefundProcessed(it)) => payment(it.payment_id),
        A::Payment(P::RefundReported(it)) => payment(it.payment_id),
        A::Payment(P::DisputeClosed(it)) => payment(it.payment_id),
        // A refund is posted when it is sent, and when what was sent comes back; what was never
        // sent stays payable.
        A::Payment(P::RefundFailed(it)) => {
            it.returned.map(|it| payment(it.payment_id)).unwrap_or_default()
        }
        // An open dispute moves nothing.
        A::Payment(P::PaymentFailed(_) | P::RefundRequested(_) | P::DisputeOpened(_))
        | A::Invoice(I::DocumentRendered(_))
        | A::Profile(_)
        | A::Order(_)
        | A::Usage(_) => Vec::new(),
        // What is kept of a service that is over is earned.
        A::Subscription(S::PlanChanged(it)) => invoices(&it.service_over),
        A::Subscription(S::SubscriptionEnded(it)) => invoices(&it.service_over),
        A::Subscription(_) => Vec::new(),
    }
}

/// The event, where it is of an account.
fn of_account(event: &Event) -> Option<&A> {
    match event {
        Event::Account(event) => Some(event),
        Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => None,
    }
}

impl Projection for Journal {
    type Row = JournalRow;

    const NAME: &'static str = "journal";
    const TABLE: &'static str = include_str!("../../migrations/projections/journal.sql");

    fn account(row: &JournalRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        of_account(&recorded.event).map(keys_of).unwrap_or_default()
    }

    fn fold(
        key: &str,
        row: Option<JournalRow>,
        recorded: &Recorded,
    ) -> Result<Option<JournalRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        let (Some(event), Some(account_id)) = (of_account(&recorded.event), recorded.account())
        else {
            return Ok(row);
        };
        let mut row = match postings::opens(event, recorded)? {
            Some(subject) => JournalRow {
                position: recorded.position,
                first_position: recorded.position,
                account_id,
                subject,
                entries: Vec::new(),
            },
            None => row.ok_or_else(missing)?,
        };
        row.position = recorded.position;
        postings::post(&mut row, event, recorded)?;
        Ok(Some(row))
    }
}

/// Laws that hold for every history.
#[cfg(test)]
mod laws {
    mod tests;
}

#[cfg(test)]
mod tests;
