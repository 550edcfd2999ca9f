//! From payments and credit to settled invoices.

use std::sync::Arc;

use crate::{
    account::{Account, Invoice, Status},
    draft::Draft,
    envelope::StreamId,
    event::{
        CreditApplied, CreditGranted, CreditSource, FellPastDue, InvoicePaid, OrderCancelReason,
        OrderCancelled, OrderPlaced, OrderPurpose, SubscriptionRecovered,
    },
    ids::{AccountId, InvoiceId, PaymentId},
    money::Money,
    policy::DunningAction,
    rejection::Rejection,
    time::Timestamp,
};

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
pub(in crate::commands) fn settle(
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
    collect(draft, account_id, invoice_id, at)?;
    recover(draft, account_id, at)
}

/// Pays what is due with the credit that there is, oldest first: nobody is dunned, or suspended,
/// while the ledger owes them money.
pub(in crate::commands) fn pay_what_is_open(
    draft: &mut Draft,
    account_id: AccountId,
    at: Timestamp,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    // Of most accounts this is all that is asked.
    if !account.credit.is_positive() {
        return Ok(());
    }
    for invoice in account.invoices.iter().filter(|invoice| invoice.is_open()) {
        if draft.account(account_id)?.credit.is_positive() {
            settle(draft, account_id, invoice.id, None, at)?;
        }
    }
    Ok(())
}

/// Grants account credit, unless it is nothing.
pub(in crate::commands) fn grant(
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
pub(in crate::commands) fn collect(
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
        let amount = invoice.due;
        let placed = OrderPlaced { order_id, purpose, plan, amount, expires_at: None };
        draft.record_as_of(stream, at, placed)?;
    }
    Ok(())
}

/// Takes the subscription as far up the dunning ladder as its open invoices allow.
pub(in crate::commands) fn recover(
    draft: &mut Draft,
    account_id: AccountId,
    at: Timestamp,
) -> Result<(), Rejection> {
    let account = draft.account(account_id)?;
    let Some(subscription) = account.live() else { return Ok(()) };
    // The processor that runs it says how it stands.
    if subscription.processor().is_some() {
        return Ok(());
    }
    let stands_at = match subscription.status {
        Status::PastDue => DunningAction::PastDue,
        Status::Suspended => DunningAction::Suspend,
        Status::Trialing | Status::Active | Status::Ended(_) => return Ok(()),
    };
    let overdue = |invoice: &&Arc<Invoice>| {
        invoice.dunning.iter().filter(|step| step.at <= at).map(|step| step.action).max()
    };
    let worst = account.invoices.open_of(subscription.id).max_by_key(overdue);
    let (stream, subscription_id) = (StreamId::Account(account_id), subscription.id);
    match worst.map(|invoice| (invoice, overdue(&invoice))) {
        Some((_, Some(action))) if action >= stands_at => Ok(()),
        Some((invoice, Some(_))) => {
            let (invoice_id, invoice_number) = (Some(invoice.id), Some(invoice.number.clone()));
            draft.record_as_of(stream, at, SubscriptionRecovered { subscription_id })?;
            let overdue = FellPastDue { subscription_id, invoice_id, invoice_number };
            draft.record_as_of(stream, at, overdue)
        }
        Some((_, None)) | None => {
            draft.record_as_of(stream, at, SubscriptionRecovered { subscription_id })
        }
    }
}
