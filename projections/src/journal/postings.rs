//! What each event posts. Debit is positive, credit negative; `docs/FINANCE.md` has the table.

use daybook_events::{
    Money, Recorded,
    event::{
        AccountEvent as A, Adjusted, AdjustmentUndone, CreditEvent as C, CreditNoteIssued,
        CreditReason, CreditSource, InvoiceEvent as I, InvoiceIssued, MerchantShare,
        PaymentCaptured, PaymentEvent as P, RefundFailed, RefundReported, Returned,
        SubscriptionEvent as S,
    },
    money::MoneyError,
    totals::TaxAmount,
};

use super::{
    InvoiceSubject, JournalRow, PaymentSubject, Subject,
    chart::{self, under},
    entry::{Entry, Posting},
    schedule::LineSchedule,
};

/// The subject that an event begins, if it begins one.
pub(super) fn opens(event: &A, recorded: &Recorded) -> Result<Option<Subject>, MoneyError> {
    match event {
        A::Invoice(I::InvoiceIssued(it)) => Ok(Some(Subject::Invoice(invoice(it, recorded)))),
        A::Payment(P::PaymentCaptured(it)) => Ok(Some(Subject::Payment(payment(it)?))),
        A::Credit(C::CreditGranted(it)) => match it.source {
            CreditSource::Adjustment { adjustment_id, .. } => {
                Ok(Some(Subject::Adjustment(adjustment_id)))
            }
            CreditSource::CreditNote { .. } | CreditSource::Overpayment { .. } => Ok(None),
        },
        A::Invoice(_)
        | A::Payment(_)
        | A::Credit(_)
        | A::Profile(_)
        | A::Order(_)
        | A::Subscription(_)
        | A::Usage(_) => Ok(None),
    }
}

fn invoice(issued: &InvoiceIssued, recorded: &Recorded) -> InvoiceSubject {
    let due_at = issued.dunning.iter().map(|step| step.at).min();
    let due_on = due_at.map_or(recorded.posting_on, |at| issued.day_of(at));
    let schedule = |(index, line)| {
        let span: &daybook_events::event::InvoiceLine = line;
        let days = (issued.day_of(span.span.start), issued.day_of(span.span.end));
        LineSchedule::billed(index, line, days, recorded.position, recorded.posting_on)
    };
    InvoiceSubject {
        invoice_id: issued.invoice_id,
        number: recorded.number.clone().unwrap_or_default(),
        issued_on: recorded.posting_on,
        due_on,
        lines: (0_u32..).zip(&issued.lines).map(schedule).collect(),
    }
}

fn payment(captured: &PaymentCaptured) -> Result<PaymentSubject, MoneyError> {
    let held = match captured.merchant {
        Some(MerchantShare { total, tax }) => total.minus(tax)?,
        None => captured.amount,
    };
    Ok(PaymentSubject {
        payment_id: captured.payment_id,
        processor: captured.processor.clone(),
        processor_payment_id: captured.processor_payment_id.clone(),
        amount: captured.amount,
        held,
        gone: Money::zero(captured.amount.currency()),
    })
}

/// Posts an event to its row.
pub(super) fn post(row: &mut JournalRow, event: &A, recorded: &Recorded) -> Result<(), MoneyError> {
    let entry = match &mut row.subject {
        Subject::Invoice(invoice) => to_invoice(invoice, event, recorded)?,
        Subject::Payment(payment) => to_payment(payment, event)?,
        Subject::Adjustment(_) => to_adjustment(event)?,
    };
    let Draft { reference, description, postings } = entry;
    if !postings.is_empty() {
        row.entries.push(Entry {
            position: Some(recorded.position),
            posting_on: recorded.posting_on,
            kind: recorded.event.type_name().to_owned(),
            account_id: Some(row.account_id),
            reference,
            description,
            postings,
        });
    }
    Ok(())
}

/// An entry in the making; what is nothing is not posted.
#[derive(Default)]
struct Draft {
    reference: Option<String>,
    description: String,
    postings: Vec<Posting>,
}

impl Draft {
    fn of(reference: &str, description: String) -> Self {
        let reference = Some(reference.to_owned()).filter(|reference| !reference.is_empty());
        Self { reference, description, postings: Vec::new() }
    }

    fn debit(self, account: impl Into<String>, amount: Money) -> Self {
        self.add(account.into(), amount)
    }

    fn credit(self, account: impl Into<String>, amount: Money) -> Result<Self, MoneyError> {
        Ok(self.add(account.into(), Money::zero(amount.currency()).minus(amount)?))
    }

    fn add(mut self, account: String, amount: Money) -> Self {
        if !amount.is_zero() {
            self.postings.push(Posting { account, amount });
        }
        self
    }
}

fn to_invoice(
    invoice: &mut InvoiceSubject,
    event: &A,
    recorded: &Recorded,
) -> Result<Draft, MoneyError> {
    let number = invoice.number.clone();
    let about = |what: &str| Draft::of(&number, format!("{what} {number}"));
    match event {
        A::Invoice(I::InvoiceIssued(it)) => issued(about("Invoice"), it),
        A::Invoice(I::InvoicePaid(it)) => about("Payment of invoice")
            .debit(chart::UNAPPLIED_PAYMENTS, it.from_payment)
            .credit(chart::RECEIVABLE, it.from_payment),
        A::Credit(C::CreditApplied(it)) => about("Credit used for invoice")
            .debit(chart::CUSTOMER_CREDIT, it.amount)
            .credit(chart::RECEIVABLE, it.amount),
        A::Invoice(I::InvoiceWrittenOff(it)) => about("Write-off of invoice")
            .debit(chart::BAD_DEBT, it.amount)
            .credit(chart::RECEIVABLE, it.amount),
        A::Credit(C::AdjustmentUndone(it)) => about("Undone: write-off of invoice")
            .debit(chart::RECEIVABLE, it.amount)
            .credit(chart::BAD_DEBT, it.amount),
        A::Invoice(I::CreditNoteIssued(it)) => taken_back(invoice, it, recorded),
        A::Subscription(S::PlanChanged(_) | S::SubscriptionEnded(_)) => {
            let (position, posting_on) = (recorded.position, recorded.posting_on);
            invoice.lines.iter_mut().try_for_each(|line| line.end(position, posting_on))?;
            Ok(Draft::default())
        }
        A::Invoice(I::DocumentRendered(_))
        | A::Credit(_)
        | A::Payment(_)
        | A::Profile(_)
        | A::Order(_)
        | A::Subscription(_)
        | A::Usage(_) => Ok(Draft::default()),
    }
}

fn issued(draft: Draft, issued: &InvoiceIssued) -> Result<Draft, MoneyError> {
    let totals = &issued.totals;
    let draft = draft.debit(chart::RECEIVABLE, totals.total);
    let draft = draft.credit(chart::DEFERRED_REVENUE, totals.net)?;
    totals.taxes.iter().try_fold(draft, |draft, tax| draft.credit(payable(tax), tax.amount))
}

/// The account of a tax: its jurisdiction, part by part, and its name.
fn payable(tax: &TaxAmount) -> String {
    let jurisdiction = tax.rate.jurisdiction.split('-').filter(|part| !part.is_empty());
    under(chart::TAX_PAYABLE, jurisdiction.chain([tax.rate.name.as_str()]))
}

fn taken_back(
    invoice: &mut InvoiceSubject,
    note: &CreditNoteIssued,
    recorded: &Recorded,
) -> Result<Draft, MoneyError> {
    let nothing = Money::zero(note.totals.total.currency());
    let (mut unearned, mut earned) = (nothing, nothing);
    for credit in &note.lines {
        let index = usize::try_from(credit.line).unwrap_or(usize::MAX);
        let taken = match invoice.lines.get_mut(index) {
            Some(line) => {
                // What belongs to the rest of a line ends it; any other sum leaves it running.
                let ends = credit.proration.is_some();
                line.take_back(credit.net, ends, recorded.position, recorded.posting_on)?
            }
            None => super::schedule::TakenBack { unearned: nothing, earned: credit.net },
        };
        unearned = unearned.plus(taken.unearned)?;
        earned = earned.plus(taken.earned)?;
    }
    let contra = match note.reason {
        CreditReason::Refund => chart::REFUNDS,
        CreditReason::PlanChange | CreditReason::Ended | CreditReason::Correction => {
            chart::CORRECTIONS
        }
    };
    let number = recorded.number.as_deref().unwrap_or_default();
    let about = format!("Credit note {number} on invoice {}", note.invoice_number);
    let draft = Draft::of(number, about);
    let draft = draft.debit(chart::DEFERRED_REVENUE, unearned).debit(contra, earned);
    let with_tax = |draft: Draft, tax: &TaxAmount| draft.debit(payable(tax), tax.amount);
    let draft = note.totals.taxes.iter().fold(draft, with_tax);
    draft
        .credit(chart::RECEIVABLE, note.reduces_due)?
        .credit(chart::CUSTOMER_CREDIT, note.to_credit)?
        .credit(chart::REFUNDS_PAYABLE, note.to_refund)
}

impl PaymentSubject {
    /// Takes a part of the amount out of what the processor holds, and says how much of that it is;
    /// the whole amount takes the whole, whatever the parts were.
    fn take_out(&mut self, amount: Money) -> Result<Money, MoneyError> {
        let before = self.held_of(self.gone)?;
        self.gone = self.gone.plus(amount)?;
        self.held_of(self.gone)?.minus(before)
    }

    /// Puts a part that was taken out back, and says how much of it the processor holds again: then
    /// all is as though it had never been taken out.
    fn put_back(&mut self, amount: Money) -> Result<Money, MoneyError> {
        let before = self.held_of(self.gone)?;
        self.gone = self.gone.minus(amount)?;
        before.minus(self.held_of(self.gone)?)
    }

    fn held_of(&self, part: Money) -> Result<Money, MoneyError> {
        if self.held == self.amount || self.amount.is_zero() {
            return Ok(part);
        }
        let minor = |money: Money| i64::try_from(money.minor()).map_err(|_| MoneyError::TooLarge);
        part.ratio(minor(self.held)?, minor(self.amount)?)
    }
}

fn to_payment(payment: &mut PaymentSubject, event: &A) -> Result<Draft, MoneyError> {
    let clearing = under(chart::CLEARING, [payment.processor.as_str()]);
    let theirs = payment.processor_payment_id.clone();
    let about = |what: &str| Draft::of(&theirs, format!("{what} {theirs}"));
    match event {
        A::Payment(P::PaymentCaptured(it)) => {
            let kept = payment.amount.minus(payment.held)?;
            about("Payment")
                .debit(clearing, payment.held)
                .debit(chart::MERCHANT_TAX, kept)
                .credit(chart::UNAPPLIED_PAYMENTS, it.amount)
        }
        A::Payment(P::PaymentFeeCharged(it)) => about("Fee of payment")
            .debit(chart::PROCESSOR_FEES, it.service)
            .debit(chart::INPUT_TAX, it.tax)
            .credit(clearing, it.service.plus(it.tax)?),
        A::Credit(C::CreditGranted(it)) => about("Overpayment by payment")
            .debit(chart::UNAPPLIED_PAYMENTS, it.amount)
            .credit(chart::CUSTOMER_CREDIT, it.amount),
        A::Payment(P::RefundProcessed(it)) => {
            let theirs = &it.processor_refund_id;
            let draft = Draft::of(theirs, format!("Refund {theirs}"));
            sent_back(payment, draft.debit(chart::REFUNDS_PAYABLE, it.amount), it.amount)
        }
        A::Payment(P::RefundFailed(it)) => come_back(payment, it),
        A::Payment(P::RefundReported(it)) => {
            let draft = reported(it);
            sent_back(payment, draft, it.amount)
        }
        A::Payment(P::DisputeClosed(it)) => {
            let draft = Draft::of(&it.dispute_id, format!("Dispute {}", it.dispute_id));
            sent_back(payment, draft.debit(chart::CHARGEBACKS, it.deducted), it.deducted)
        }
        A::Payment(_)
        | A::Credit(_)
        | A::Invoice(_)
        | A::Profile(_)
        | A::Order(_)
        | A::Subscription(_)
        | A::Usage(_) => Ok(Draft::default()),
    }
}

/// What was sent is with the processor again, and owed again.
fn come_back(payment: &mut PaymentSubject, failed: &RefundFailed) -> Result<Draft, MoneyError> {
    let Some(Returned { amount, .. }) = failed.returned else { return Ok(Draft::default()) };
    let theirs = failed.processor_refund_id.as_deref().unwrap_or_default();
    let held = payment.put_back(amount)?;
    let clearing = under(chart::CLEARING, [payment.processor.as_str()]);
    Draft::of(theirs, format!("Refund {theirs} came back"))
        .debit(clearing, held)
        .debit(chart::MERCHANT_TAX, amount.minus(held)?)
        .credit(chart::REFUNDS_PAYABLE, amount)
}

fn reported(reported: &RefundReported) -> Draft {
    let theirs = &reported.processor_refund_id;
    Draft::of(theirs, format!("Refund {theirs}, made at the processor"))
        .debit(chart::REFUNDS_PAYABLE, reported.from_invoices)
        .debit(chart::CUSTOMER_CREDIT, reported.from_credit)
        .debit(chart::UNPLACED_REFUNDS, reported.unplaced)
}

/// The money has left the processor; with it goes its part of the tax that a merchant kept.
fn sent_back(
    payment: &mut PaymentSubject,
    draft: Draft,
    amount: Money,
) -> Result<Draft, MoneyError> {
    let held = payment.take_out(amount)?;
    let clearing = under(chart::CLEARING, [payment.processor.as_str()]);
    draft.credit(clearing, held)?.credit(chart::MERCHANT_TAX, amount.minus(held)?)
}

fn to_adjustment(event: &A) -> Result<Draft, MoneyError> {
    match event {
        A::Credit(C::CreditGranted(it)) => Draft::of("", "Credit given".to_owned())
            .debit(chart::GOODWILL, it.amount)
            .credit(chart::CUSTOMER_CREDIT, it.amount),
        A::Credit(C::AdjustmentUndone(AdjustmentUndone {
            adjusted: Adjusted::Credit,
            amount,
            ..
        })) => Draft::of("", "Undone: credit given".to_owned())
            .debit(chart::CUSTOMER_CREDIT, *amount)
            .credit(chart::GOODWILL, *amount),
        A::Credit(_)
        | A::Invoice(_)
        | A::Payment(_)
        | A::Profile(_)
        | A::Order(_)
        | A::Subscription(_)
        | A::Usage(_) => Ok(Draft::default()),
    }
}
