//! What the adjustments by hand share: a reason that says something, an amount that is one.

use std::sync::Arc;

use crate::{
    account::{Account, Invoice},
    ids::InvoiceId,
    money::Money,
    rejection::Rejection,
};

/// The longest reason, in characters.
const REASON_MAX: usize = 500;

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
