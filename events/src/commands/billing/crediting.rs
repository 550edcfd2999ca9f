//! From billed lines to credit notes.

use std::sync::Arc;

use super::{
    charging::seller,
    settling::{collect, grant, recover},
};
use crate::{
    account::{Account, Invoice, Line},
    draft::Draft,
    envelope::StreamId,
    event::{CreditLine, CreditNoteIssued, CreditReason, CreditSource},
    money::Money,
    proration::{Granularity, Proration},
    rejection::Rejection,
    time::Timestamp,
    totals::{Taxed, Totals, taken_back},
};

/// How much of each line a credit note takes back.
#[derive(Debug, Clone, Copy)]
pub(in crate::commands) enum Creditable {
    /// Everything that earlier credit notes left.
    Whole,
    /// What belongs to the rest of the line's span, less what earlier credit notes took.
    Rest {
        /// From when on.
        at: Timestamp,
        /// What proration counts.
        unit: Granularity,
    },
    /// So much of what earlier credit notes left, spread over the lines.
    Amount(Money),
}

/// What a credit note would take back of an invoice.
pub(in crate::commands) struct Credit {
    pub(in crate::commands) invoice: Arc<Invoice>,
    lines: Vec<CreditLine>,
    totals: Totals,
    /// What of it was never paid.
    pub(in crate::commands) reduces_due: Money,
}

impl Credit {
    /// What of it was paid, by payment or by credit.
    pub(in crate::commands) fn paid_part(&self) -> Result<Money, Rejection> {
        Ok(self.totals.total.minus(self.reduces_due)?)
    }
}

/// Reckons a credit note on an invoice; `None` where there is nothing to take back, or where what
/// was due was written off: that is neither due any more nor owed back.
pub(in crate::commands) fn credit_of(
    account: &Account,
    invoice: &Arc<Invoice>,
    creditable: Creditable,
) -> Result<Option<Credit>, Rejection> {
    if invoice.written_off.is_positive() {
        return Ok(None);
    }
    let (currency, tax) = (account.currency, &invoice.tax);
    let mut lines = Vec::new();
    let mut parts = Vec::new();
    let amounts = amounts(account, invoice, creditable)?;
    for ((index, line), (amount, proration)) in (0_u32..).zip(&invoice.lines).zip(amounts) {
        if amount.is_positive() {
            let part = taken_back(tax, &line.left, amount)?;
            lines.push(credit_line(index, line, &part, proration)?);
            parts.push(part);
        }
    }
    let nothing = Money::zero(currency);
    let sums = parts.iter().map(|part| (part.amount, nothing, part));
    let totals = Totals::of(currency, tax, sums)?;
    let reduces_due = invoice.due.smaller(totals.total)?;
    let credit = Credit { invoice: invoice.clone(), lines, totals, reduces_due };
    Ok(Some(credit).filter(|credit| credit.totals.total.is_positive()))
}

/// Reckons the smallest credit note on an invoice that takes back so much of what was paid, or all
/// that is left of it: tax that comes on top of prices leaves sums, now and then, that no credit
/// note has exactly.
pub(in crate::commands) fn credit_covering(
    account: &Account,
    invoice: &Arc<Invoice>,
    wanted: Money,
) -> Result<Option<Credit>, Rejection> {
    let Some(whole) = credit_of(account, invoice, Creditable::Whole)? else { return Ok(None) };
    if !wanted.is_positive() || !whole.paid_part()?.is_positive() {
        return Ok(None);
    }
    let left = invoice.lines.iter().map(|line| line.left.amount);
    let (mut below, mut enough) = (0, Money::sum(account.currency, left)?.minor());
    let mut smallest = whole;
    // What `below` takes back is too little, what `enough` does is not, or is all that there is.
    while enough - below > 1 {
        let amount = below + (enough - below) / 2;
        let part = Creditable::Amount(Money::from_minor(amount, account.currency)?);
        match credit_of(account, invoice, part)? {
            Some(credit) if credit.paid_part()?.minus(wanted)?.minor() >= 0 => {
                (enough, smallest) = (amount, credit);
            }
            Some(_) | None => below = amount,
        }
    }
    Ok(Some(smallest))
}

/// How much of each line's amount is taken back, with its derivation.
fn amounts(
    account: &Account,
    invoice: &Invoice,
    creditable: Creditable,
) -> Result<Vec<(Money, Option<Proration>)>, Rejection> {
    let left: Vec<Money> = invoice.lines.iter().map(|line| line.left.amount).collect();
    match creditable {
        Creditable::Whole => Ok(left.into_iter().map(|amount| (amount, None)).collect()),
        Creditable::Rest { at, unit } => {
            let rest = |line: &Line| {
                let billed = &line.billed;
                let part = Proration::of_rest(billed.amount, billed.span, at, unit, account.zone)?;
                Ok((part.amount.minus_to_zero(line.credited()?)?, Some(part)))
            };
            invoice.lines.iter().map(rest).collect()
        }
        Creditable::Amount(amount) => {
            let whole = Money::sum(account.currency, left.iter().copied())?;
            let spread = amount.smaller(whole)?.spread(&left)?;
            Ok(spread.into_iter().map(|amount| (amount, None)).collect())
        }
    }
}

fn credit_line(
    index: u32,
    line: &Line,
    part: &Taxed,
    proration: Option<Proration>,
) -> Result<CreditLine, Rejection> {
    Ok(CreditLine {
        line: index,
        description: line.billed.description.clone(),
        amount: part.amount,
        credited_before: line.credited()?,
        proration,
        net: part.net,
        taxes: part.taxes.clone(),
        total: part.total,
    })
}

/// What a credit note is to say.
pub(in crate::commands) struct Crediting {
    /// What it takes back.
    pub(in crate::commands) credit: Credit,
    /// Why.
    pub(in crate::commands) reason: CreditReason,
    /// The same in the words of whoever asked for it.
    pub(in crate::commands) explanation: Option<String>,
    /// How much of what was paid goes back to the customer.
    pub(in crate::commands) to_refund: Money,
    /// From when it counts.
    pub(in crate::commands) at: Timestamp,
}

impl Crediting {
    /// A credit note that nobody asked for and that sends nothing back.
    pub(in crate::commands) fn new(credit: Credit, reason: CreditReason, at: Timestamp) -> Self {
        let to_refund = Money::zero(credit.reduces_due.currency());
        Self { credit, reason, explanation: None, to_refund, at }
    }
}

/// Issues a credit note: first it reduces what is due, then `to_refund` of the rest goes back to
/// the customer, and what is left becomes account credit.
pub(in crate::commands) fn issue_credit_note(
    draft: &mut Draft,
    account: &Account,
    crediting: Crediting,
) -> Result<(), Rejection> {
    let Crediting { credit, reason, explanation, to_refund, at } = crediting;
    let to_credit = credit.paid_part()?.minus(to_refund)?;
    let credit_note_id = draft.mint();
    let invoice_id = credit.invoice.id;
    let note = CreditNoteIssued {
        credit_note_id,
        invoice_id,
        invoice_number: credit.invoice.number.clone(),
        reason,
        explanation,
        lines: credit.lines,
        tax: credit.invoice.tax.clone(),
        totals: credit.totals,
        reduces_due: credit.reduces_due,
        to_credit,
        to_refund,
        seller: seller(draft)?,
        bill_to: account.billing.as_ref().clone(),
    };
    draft.record_as_of(StreamId::Account(account.id), at, note)?;
    grant(draft, account.id, to_credit, CreditSource::CreditNote { credit_note_id }, at)?;
    if credit.reduces_due.is_positive() {
        collect(draft, account.id, invoice_id, at)?;
        recover(draft, account.id, at)?;
    }
    Ok(())
}
