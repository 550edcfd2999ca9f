//! What adjustments by hand and processors' reports share: a reason that says something, an amount
//! that is one, an id that can be stored, and a payment that is booked.

use std::sync::Arc;

use crate::{
    account::{Account, Invoice, Payment},
    ids::InvoiceId,
    money::Money,
    rejection::Rejection,
};

/// The longest reason, in characters.
const REASON_MAX: usize = 500;

/// The longest reason of a processor, in characters; the rest of it is cut off.
const TOLD_MAX: usize = 300;

/// What a processor says, as it can be kept: bounded, without control characters.
pub(super) fn told(text: &str) -> String {
    let printable = text.chars().filter(|char| !char.is_control());
    printable.take(TOLD_MAX).collect::<String>().trim().to_owned()
}

/// Refuses an id that no processor gives out.
pub(super) fn check_processor_id(id: &str) -> Result<(), Rejection> {
    let sound = (1..=200).contains(&id.chars().count()) && !id.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(Rejection::ProcessorIdInvalid) }
}

/// The booked payment that a processor speaks of.
pub(super) fn payment_of<'a>(
    account: &'a Account,
    processor_payment_id: &str,
) -> Result<&'a Arc<Payment>, Rejection> {
    let unknown = || Rejection::PaymentUnknown { payment: processor_payment_id.to_owned() };
    account.payments.of_processor(processor_payment_id).ok_or_else(unknown)
}

/// Refuses a reason that says nothing, or that no document could carry.
pub(super) fn check_reason(reason: &str) -> Result<(), Rejection> {
    let length = reason.trim().chars().count();
    let says_something =
        (1..=REASON_MAX).contains(&length) && !reason.chars().any(char::is_control);
    if says_something { Ok(()) } else { Err(Rejection::ReasonRequired) }
}

/// Refuses an amount in another currency than the account's, and one that is nothing or less.
pub(super) fn check_amount(account: &Account, amount: Money) -> Result<(), Rejection> {
    let (given, expected) = (amount.currency(), account.currency);
    match () {
        () if given != expected => Err(Rejection::WrongCurrency { given, expected }),
        () if !amount.is_positive() => Err(Rejection::AmountNotPositive),
        () => Ok(()),
    }
}

/// The account's invoice of an id.
pub(super) fn invoice_of(account: &Account, id: InvoiceId) -> Result<&Arc<Invoice>, Rejection> {
    account.invoices.get(id).ok_or(Rejection::InvoiceUnknown { invoice: id })
}
