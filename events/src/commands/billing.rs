//! What several commands share: issuing, settling, collecting and crediting invoices.

use std::sync::Arc;

use crate::{
    account::{Account, Invoice, Line, Subscription},
    draft::Draft,
    envelope::StreamId,
    event::{
        CreditApplied, CreditGranted, CreditLine, CreditNoteIssued, CreditReason, CreditSource,
        HeldPlan, InvoiceIssued, InvoiceLine, InvoicePaid, OrderCancelReason, OrderCancelled,
        OrderPlaced, OrderPurpose,
    },
    ids::{AccountId, InvoiceId, OrderId, PaymentId},
    money::Money,
    period::Span,
    proration::Proration,
    rejection::Rejection,
    time::Timestamp,
};

/// A line for a plan over a span: the whole price, or the part that a proration gives.
pub(super) fn plan_line(plan: &HeldPlan, span: Span, proration: Option<Proration>) -> InvoiceLine {
    let what = format!("{} ({})", plan.name, plan.cycle);
    InvoiceLine {
        description: if proration.is_some() { format!("{what}, rest of period") } else { what },
        plan_id: plan.plan_id,
        plan_revision: plan.revision,
        span,
        amount: proration.as_ref().map_or(plan.price, |part| part.amount),
        proration,
    }
}

/// Issues an invoice for lines of a subscription, made out to the account as it is.
pub(super) fn issue(
    draft: &mut Draft,
    account: &Account,
    subscription: &Subscription,
    order_id: Option<OrderId>,
    lines: Vec<InvoiceLine>,
    effective_at: Timestamp,
) -> Result<InvoiceId, Rejection> {
    let invoice_id = draft.mint();
    let total = Money::sum(account.currency, lines.iter().map(|line| line.amount))?;
    let seller = seller(draft)?;
    let event = InvoiceIssued {
        invoice_id,
        subscription_id: subscription.id,
        order_id,
        lines,
        total,
        seller,
        bill_to: account.billing.as_ref().clone(),
    };
    draft.record_as_of(StreamId::Account(account.id), effective_at, event)?;
    Ok(invoice_id)
}

fn seller(draft: &Draft) -> Result<crate::personal::Party, Rejection> {
    let opened = draft.world().book.opened.as_ref().ok_or(Rejection::BookNotOpen)?;
    Ok(opened.seller.clone())
}

/// The account and one of its invoices, as the draft has them.
fn invoice(
    draft: &Draft,
    account: AccountId,
    id: InvoiceId,
) -> Result<(Arc<Account>, Arc<Invoice>), Rejection> {
    let account = draft.account(account)?;
    let invoice = account.invoices.get(id).cloned();
    Ok((account, invoice.ok_or(Rejection::InvoiceUnknown { invoice: id })?))
}

/// Settles an invoice: a payment first, then the account's credit; what neither covers is
/// collected by a new order.
///
/// A payment that alone with the credit does not close the invoice becomes credit itself, so an
/// invoice is closed by one payment or by none.
pub(super) fn settle(
    draft: &mut Draft,
    account_id: AccountId,
    invoice_id: InvoiceId,
    payment: Option<(PaymentId, Money)>,
    at: Timestamp,
) -> Result<(), Rejection> {
    let stream = StreamId::Account(account_id);
    let (account, invoice) = invoice(draft, account_id, invoice_id)?;
    let nothing = Money::zero(account.currency);
    let paid = payment.map_or(nothing, |(_, amount)| amount);
    let wanted_of_credit = invoice.due.minus_to_zero(paid)?;
    let from_credit = account.credit.smaller(wanted_of_credit)?;
    let covered = from_credit == wanted_of_credit;
    let from_payment = if covered { paid.smaller(invoice.due)? } else { nothing };

    if let Some((payment_id, _)) = payment {
        let excess = paid.minus(from_payment)?;
        grant(draft, account_id, excess, CreditSource::Overpayment { payment_id }, at)?;
    }
    let amount = if covered {
        from_credit
    } else {
        draft.account(account_id)?.credit.smaller(invoice.due)?
    };
    if amount.is_positive() {
        draft.record_as_of(stream, at, CreditApplied { invoice_id, amount })?;
    }
    if invoice.due == amount.plus(from_payment)? {
        let payment_id = payment.map(|(id, _)| id).filter(|_| from_payment.is_positive());
        let paid = InvoicePaid { invoice_id, payment_id, from_payment, from_credit: amount };
        draft.record_as_of(stream, at, paid)?;
    }
    collect(draft, account_id, invoice_id, at)
}

/// Grants account credit, unless it is nothing.
pub(super) fn grant(
    draft: &mut Draft,
    account_id: AccountId,
    amount: Money,
    source: CreditSource,
    at: Timestamp,
) -> Result<(), Rejection> {
    if !amount.is_positive() {
        return Ok(());
    }
    draft.record_as_of(StreamId::Account(account_id), at, CreditGranted { amount, source })
}

/// Sees to it that exactly one open order asks for what is due on an invoice, or none.
fn collect(
    draft: &mut Draft,
    account_id: AccountId,
    invoice_id: InvoiceId,
    at: Timestamp,
) -> Result<(), Rejection> {
    let stream = StreamId::Account(account_id);
    let (account, invoice) = invoice(draft, account_id, invoice_id)?;
    let (fitting, stale): (Vec<_>, Vec<_>) =
        account.orders.open_for(invoice_id).partition(|order| order.amount == invoice.due);
    for order in stale {
        let reason = OrderCancelReason::InvoiceDueChanged;
        draft.record_as_of(stream, at, OrderCancelled { order_id: order.id, reason })?;
    }
    let subscription = account.subscription.as_ref();
    if let Some(subscription) = subscription.filter(|_| invoice.is_open() && fitting.is_empty()) {
        let purpose =
            OrderPurpose::PayInvoice { invoice_id, invoice_number: invoice.number.clone() };
        let plan = subscription.plan.clone();
        let order_id = draft.mint();
        let placed = OrderPlaced { order_id, purpose, plan, amount: invoice.due };
        draft.record_as_of(stream, at, placed)?;
    }
    Ok(())
}

/// How much of each line a credit note takes back.
#[derive(Clone, Copy)]
pub(super) enum Creditable {
    /// Everything that earlier credit notes left.
    Whole,
    /// What belongs to the rest of the line's span, less what earlier credit notes took.
    Rest {
        /// From when on.
        at: Timestamp,
    },
}

/// What a credit note would take back of an invoice.
pub(super) struct Credit {
    pub(super) invoice: Arc<Invoice>,
    pub(super) lines: Vec<CreditLine>,
    pub(super) total: Money,
    /// What of it was never paid.
    pub(super) reduces_due: Money,
}

impl Credit {
    /// What of it was paid, by payment or by credit.
    pub(super) fn paid_part(&self) -> Result<Money, Rejection> {
        Ok(self.total.minus(self.reduces_due)?)
    }
}

/// Reckons a credit note on an invoice; `None` where there is nothing to take back.
pub(super) fn credit_of(
    invoice: &Arc<Invoice>,
    creditable: Creditable,
) -> Result<Option<Credit>, Rejection> {
    let mut lines = Vec::new();
    for (index, line) in (0_u32..).zip(&invoice.lines) {
        lines.extend(credit_line(index, line, creditable)?);
    }
    let currency = invoice.due.currency();
    let total = Money::sum(currency, lines.iter().map(|line| line.amount))?;
    let reduces_due = invoice.due.smaller(total)?;
    let credit = Credit { invoice: invoice.clone(), lines, total, reduces_due };
    Ok(Some(credit).filter(|credit| credit.total.is_positive()))
}

fn credit_line(
    index: u32,
    line: &Line,
    creditable: Creditable,
) -> Result<Option<CreditLine>, Rejection> {
    let billed = &line.billed;
    let (whole, proration) = match creditable {
        Creditable::Whole => (billed.amount, None),
        Creditable::Rest { at } => {
            let part = Proration::of_rest(billed.amount, billed.span, at)?;
            (part.amount, Some(part))
        }
    };
    let amount = whole.minus_to_zero(line.credited)?;
    Ok(amount.is_positive().then(|| CreditLine {
        line: index,
        description: billed.description.clone(),
        amount,
        credited_before: line.credited,
        proration,
    }))
}

/// Issues a credit note: first it reduces what is due, then `to_refund` of the rest goes back to
/// the customer, and what is left becomes account credit.
pub(super) fn issue_credit_note(
    draft: &mut Draft,
    account: &Account,
    credit: Credit,
    reason: CreditReason,
    to_refund: Money,
) -> Result<(), Rejection> {
    let at = draft.now();
    let to_credit = credit.paid_part()?.minus(to_refund)?;
    let credit_note_id = draft.mint();
    let invoice_id = credit.invoice.id;
    let note = CreditNoteIssued {
        credit_note_id,
        invoice_id,
        invoice_number: credit.invoice.number.clone(),
        reason,
        lines: credit.lines,
        total: credit.total,
        reduces_due: credit.reduces_due,
        to_credit,
        to_refund,
        seller: seller(draft)?,
        bill_to: account.billing.as_ref().clone(),
    };
    draft.record(StreamId::Account(account.id), note)?;
    grant(draft, account.id, to_credit, CreditSource::CreditNote { credit_note_id }, at)?;
    if credit.reduces_due.is_positive() {
        collect(draft, account.id, invoice_id, at)?;
    }
    Ok(())
}
