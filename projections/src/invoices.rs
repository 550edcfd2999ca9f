//! What was billed, and what of it is due, paid or taken back? Asked by the billing page, by the
//! printed invoice and its credit notes, and by finance.
//!
//! One row per invoice, its credit notes inside.
//! Always `total = due + paid_by_payment + paid_by_credit + written_off + Σ reduces_due of the credit
//! notes`.

use chrono::NaiveDate;
use daybook_events::{
    Event, Money, Recorded, Timestamp,
    event::{
        AccountEvent as A, Adjusted, CreditEvent as C, CreditLine, CreditNoteIssued, CreditReason,
        InvoiceEvent as I, InvoiceIssued, InvoiceLine,
    },
    ids::{AccountId, AdjustmentId, CreditNoteId, InvoiceId, OrderId, SubscriptionId},
    money::MoneyError,
    personal::{Party, Personal},
    policy::DunningDate,
    tax::Tax,
    totals::Totals,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::projection::{FoldError, Projection};

/// How far an invoice has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Something is still to be paid.
    Open,
    /// Nothing more is due.
    Paid,
    /// Nothing more is due, and credit notes have taken back the whole of it.
    Credited,
    /// What was due is given up.
    WrittenOff,
}

/// What a credit note took back of its invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditNote {
    /// The credit note's id.
    pub credit_note_id: CreditNoteId,
    /// Its number, without gaps in its financial year.
    pub number: String,
    /// What it takes back, line by line.
    pub lines: Vec<CreditLine>,
    /// Its sums.
    pub totals: Totals,
    /// How much it takes back, with tax.
    pub total: Money,
    /// What of it was not paid yet, and need not be.
    pub reduces_due: Money,
    /// What of it became account credit.
    pub to_credit: Money,
    /// What of it goes back to the customer.
    pub to_refund: Money,
    /// Why it was issued.
    pub reason: CreditReason,
    /// The same in the words of whoever asked; `null` where nobody did.
    pub explanation: Option<String>,
    /// The instant of its issue.
    pub issued_at: Timestamp,
}

impl CreditNote {
    fn issued(note: &CreditNoteIssued, recorded: &Recorded) -> Self {
        Self {
            credit_note_id: note.credit_note_id,
            number: recorded.number.clone().unwrap_or_default(),
            lines: note.lines.clone(),
            totals: note.totals.clone(),
            total: note.totals.total,
            reduces_due: note.reduces_due,
            to_credit: note.to_credit,
            to_refund: note.to_refund,
            reason: note.reason,
            explanation: note.explanation.clone(),
            issued_at: recorded.effective_at,
        }
    }
}

/// An invoice as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceRow {
    /// The position of the last event that touched the row.
    pub position: i64,
    /// Whom it bills.
    pub account_id: AccountId,
    /// The invoice's id.
    pub invoice_id: InvoiceId,
    /// Its number, without gaps in its financial year.
    pub number: String,
    /// The subscription that it bills.
    pub subscription_id: SubscriptionId,
    /// The order that brought it about; `null` where a renewal or a plan change did.
    pub order_id: Option<OrderId>,
    /// What is billed.
    pub lines: Vec<InvoiceLine>,
    /// How it is taxed, and why.
    pub tax: Tax,
    /// The sums of the lines.
    pub totals: Totals,
    /// What there was to pay, with tax.
    pub total: Money,
    /// What is still to be paid.
    pub due: Money,
    /// What a payment brought.
    pub paid_by_payment: Money,
    /// What account credit brought.
    pub paid_by_credit: Money,
    /// The sum of its credit notes.
    pub credited: Money,
    /// What of it was given up.
    pub written_off: Money,
    /// The adjustment that gave it up; `null` where none did, or where it was undone.
    pub adjustment_id: Option<AdjustmentId>,
    /// What follows, and when, while it is unpaid.
    pub dunning: Vec<DunningDate>,
    /// How far it has come.
    pub status: InvoiceStatus,
    /// The seller, as on the day of issue.
    pub seller: Party,
    /// The buyer, as on the day of issue.
    pub bill_to: Personal,
    /// The instant of its issue.
    pub issued_at: Timestamp,
    /// The accounting day of its issue, in the seller's zone.
    pub posting_on: NaiveDate,
    /// The instant at which payment or credit closed it; `null` before, and where a credit note
    /// took back the rest.
    pub paid_at: Option<Timestamp>,
    /// Its credit notes, oldest first.
    pub credit_notes: Vec<CreditNote>,
}

impl InvoiceRow {
    fn issued(issued: &InvoiceIssued, account_id: AccountId, recorded: &Recorded) -> Self {
        let total = issued.totals.total;
        let nothing = Money::zero(total.currency());
        let row = Self {
            position: recorded.position,
            account_id,
            invoice_id: issued.invoice_id,
            number: recorded.number.clone().unwrap_or_default(),
            subscription_id: issued.subscription_id,
            order_id: issued.order_id,
            lines: issued.lines.clone(),
            tax: issued.tax.clone(),
            totals: issued.totals.clone(),
            total,
            due: total,
            paid_by_payment: nothing,
            paid_by_credit: nothing,
            credited: nothing,
            written_off: nothing,
            adjustment_id: None,
            dunning: issued.dunning.clone(),
            status: InvoiceStatus::Open,
            seller: issued.seller.clone(),
            bill_to: issued.bill_to.clone(),
            issued_at: recorded.effective_at,
            posting_on: recorded.posting_on,
            paid_at: None,
            credit_notes: Vec::new(),
        };
        Self { status: row.reckoned_status(), ..row }
    }

    fn reckoned_status(&self) -> InvoiceStatus {
        let taken_back = self.credited.is_positive() && self.credited == self.total;
        if self.due.is_positive() {
            InvoiceStatus::Open
        } else if self.written_off.is_positive() {
            InvoiceStatus::WrittenOff
        } else if taken_back {
            InvoiceStatus::Credited
        } else {
            InvoiceStatus::Paid
        }
    }

    fn after(mut self, event: &A, recorded: &Recorded) -> Result<Self, MoneyError> {
        match event {
            A::Invoice(I::InvoiceIssued(_)) => {}
            A::Invoice(I::InvoicePaid(paid)) => {
                // `from_credit` repeats what `credit.applied` has said already.
                self.due = self.due.minus(paid.from_payment)?;
                self.paid_by_payment = self.paid_by_payment.plus(paid.from_payment)?;
                self.paid_at = Some(recorded.effective_at);
            }
            A::Invoice(I::InvoiceWrittenOff(given_up)) => {
                self.due = self.due.minus(given_up.amount)?;
                self.written_off = self.written_off.plus(given_up.amount)?;
                self.adjustment_id = Some(given_up.adjustment_id);
            }
            A::Invoice(I::CreditNoteIssued(note)) => {
                self.due = self.due.minus(note.reduces_due)?;
                self.credited = self.credited.plus(note.totals.total)?;
                self.credit_notes.push(CreditNote::issued(note, recorded));
            }
            A::Credit(C::CreditApplied(applied)) => {
                self.due = self.due.minus(applied.amount)?;
                self.paid_by_credit = self.paid_by_credit.plus(applied.amount)?;
            }
            A::Credit(C::AdjustmentUndone(undone)) => {
                self.due = self.due.plus(undone.amount)?;
                self.written_off = self.written_off.minus(undone.amount)?;
                self.adjustment_id = None;
            }
            A::Invoice(I::DocumentRendered(_))
            | A::Profile(_)
            | A::Order(_)
            | A::Payment(_)
            | A::Subscription(_)
            | A::Credit(_)
            | A::Usage(_) => return Ok(self),
        }
        Ok(Self { position: recorded.position, status: self.reckoned_status(), ..self })
    }
}

/// The invoice whose row an event changes.
fn invoice_of(event: &A) -> Option<InvoiceId> {
    match event {
        A::Invoice(I::InvoiceIssued(issued)) => Some(issued.invoice_id),
        A::Invoice(I::InvoicePaid(paid)) => Some(paid.invoice_id),
        A::Invoice(I::InvoiceWrittenOff(given_up)) => Some(given_up.invoice_id),
        A::Invoice(I::CreditNoteIssued(note)) => Some(note.invoice_id),
        A::Credit(C::CreditApplied(applied)) => Some(applied.invoice_id),
        A::Credit(C::AdjustmentUndone(undone)) => match undone.adjusted {
            Adjusted::WriteOff { invoice_id } => Some(invoice_id),
            Adjusted::Credit => None,
        },
        A::Invoice(I::DocumentRendered(_))
        | A::Profile(_)
        | A::Order(_)
        | A::Payment(_)
        | A::Subscription(_)
        | A::Credit(_)
        | A::Usage(_) => None,
    }
}

/// The projection of every invoice.
#[derive(Debug)]
pub struct Invoices;

impl Projection for Invoices {
    type Row = InvoiceRow;

    const NAME: &'static str = "invoices";
    const TABLE: &'static str = include_str!("../../migrations/projections/invoices.sql");

    fn account(row: &InvoiceRow) -> Option<AccountId> {
        Some(row.account_id)
    }

    fn keys(recorded: &Recorded) -> Vec<String> {
        match &recorded.event {
            Event::Account(event) => invoice_of(event).iter().map(ToString::to_string).collect(),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Vec::new(),
        }
    }

    fn fold(
        key: &str,
        row: Option<InvoiceRow>,
        recorded: &Recorded,
    ) -> Result<Option<InvoiceRow>, FoldError> {
        let missing = || FoldError::missing(recorded, key);
        match &recorded.event {
            Event::Account(A::Invoice(I::InvoiceIssued(issued))) => {
                let account_id = recorded.account().ok_or_else(missing)?;
                Ok(Some(InvoiceRow::issued(issued, account_id, recorded)))
            }
            Event::Account(event) => Ok(Some(row.ok_or_else(missing)?.after(event, recorded)?)),
            Event::Plan(_) | Event::Coupon(_) | Event::Access(_) | Event::Book(_) => Ok(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_events::testing::*;

    use super::*;
    use crate::testing::{fold_all, fold_one};

    /// The rows by number; each adds up, and is due what the rules say.
    #[track_caller]
    fn invoices(given: &Given) -> Vec<InvoiceRow> {
        let mut rows: Vec<_> = fold_all::<Invoices>(given.events()).into_values().collect();
        rows.sort_by(|a, b| a.number.cmp(&b.number));
        for row in &rows {
            assert_eq!(row.due, given.account().invoices.get(row.invoice_id).unwrap().due);
            let reduced = row.credit_notes.iter().map(|note| note.reduces_due);
            let parts =
                [row.due, row.paid_by_payment, row.paid_by_credit, row.written_off].into_iter();
            let sum = Money::sum(row.total.currency(), parts.chain(reduced)).unwrap();
            assert_eq!(sum, row.total);
        }
        rows
    }

    #[test]
    fn the_first_invoice_is_paid_by_the_orders_payment() {
        let given = given_subscribed("pro");
        let row = fold_one::<Invoices>(given.events());
        assert_eq!((row.number.as_str(), row.status), ("INV-2026-000001", InvoiceStatus::Paid));
        assert_eq!((row.total, row.due, row.paid_by_payment), (usd("15"), usd("0"), usd("15")));
        assert_eq!(row.paid_at, Some(row.issued_at));
        assert_eq!(row.posting_on.to_string(), "2026-05-01");
        assert!(row.order_id.is_some());
        assert_eq!(row.bill_to, personal("Ada Lovelace"));
    }

    #[test]
    fn an_invoice_over_nothing_is_paid() {
        let row = fold_one::<Invoices>(given_subscribed("free").events());
        assert_eq!((row.total, row.status), (usd("0"), InvoiceStatus::Paid));
        assert!(row.paid_at.is_some());
    }

    #[test]
    fn an_upgrade_is_paid_by_credit_first_and_open_for_the_rest() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let given = given.and(change_plan("enterprise_lite"));
        let [old, new] = invoices(&given).try_into().unwrap();
        assert_eq!((old.status, old.credited), (InvoiceStatus::Paid, usd("7.50")));
        assert_eq!(old.credit_notes[0].number, "CN-2026-000001");
        assert_eq!(old.credit_notes[0].to_credit, usd("7.50"));
        assert_eq!((new.status, new.due), (InvoiceStatus::Open, usd("12.50")));
        assert_eq!((new.paid_by_credit, new.paid_at), (usd("7.50"), None));

        let [_, new] = invoices(&given.and_paid()).try_into().unwrap();
        assert_eq!((new.status, new.due), (InvoiceStatus::Paid, usd("0")));
        assert_eq!((new.paid_by_payment, new.paid_by_credit), (usd("12.50"), usd("7.50")));
    }

    #[test]
    fn a_whole_refund_leaves_the_invoice_credited() {
        let given = given_subscribed("pro").and(refund(None));
        let [row] = invoices(&given).try_into().unwrap();
        assert_eq!((row.status, row.credited), (InvoiceStatus::Credited, usd("15")));
        assert_eq!(row.credit_notes[0].to_refund, usd("15"));
        assert_eq!(row.credit_notes[0].reason, CreditReason::Refund);
    }

    #[test]
    fn what_a_credit_note_takes_of_the_due_need_not_be_paid() {
        let given = given_subscribed("pro").at("2026-05-16T12:00:00Z");
        let given = given.and(change_plan("enterprise_lite")).and(change_plan("pro"));
        let [_, unpaid, _] = invoices(&given).try_into().unwrap();
        assert_eq!((unpaid.due, unpaid.credited), (usd("0"), usd("20")));
        assert_eq!(unpaid.credit_notes[0].reduces_due, usd("12.50"));
        assert_eq!((unpaid.status, unpaid.paid_at), (InvoiceStatus::Credited, None));
    }
}
