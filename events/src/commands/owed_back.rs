//! Money that goes back pays what is owed back before anything else.
//!
//! A refund that failed is still owed: its credit note has been written, and nobody has sent it. So
//! a sum that is seen to go back is first that refund's: one of exactly the sum, else the oldest
//! that fit into it, and what then is left is a part of the oldest that failed. A refund that still
//! waits for its answer is never paid in parts: its answer will speak of the whole.

use std::sync::Arc;

use crate::{
    account::{Refund, RefundStatus},
    draft::Draft,
    envelope::StreamId,
    event::RefundProcessed,
    ids::{AccountId, PaymentId},
    money::Money,
    rejection::Rejection,
};

/// A sum that went back from a payment, in our terms.
pub(super) struct Sent<'a> {
    /// Whose payment.
    pub(super) account_id: AccountId,
    /// Which payment.
    pub(super) payment_id: PaymentId,
    /// The processor's id of what it sent.
    pub(super) theirs: &'a str,
    /// How much.
    pub(super) sum: Money,
    /// By how many minor units it may stray from ours.
    pub(super) residue: i128,
}

/// Settles refunds of the payment, among those that may be meant, and says what of the sum is left.
pub(super) fn settle(
    draft: &mut Draft,
    sent: &Sent<'_>,
    meant: impl Fn(&Refund) -> bool,
) -> Result<Money, Rejection> {
    let account = draft.account(sent.account_id)?;
    let refunds = account.payments.refunds_of(sent.payment_id);
    let mut waiting: Vec<Arc<Refund>> = refunds.filter(|it| meant(it)).cloned().collect();
    let mut left = sent.sum;
    while let Some(refund) = next(&mut waiting, left, sent.residue)? {
        let amount = refund.left()?;
        left = left.minus_to_zero(amount)?;
        pay(draft, sent, &refund, amount)?;
    }
    let owed = waiting.iter().find(|refund| refund.status == RefundStatus::Failed);
    match owed {
        Some(refund) if left.minor() > sent.residue => {
            pay(draft, sent, refund, left)?;
            Ok(Money::zero(left.currency()))
        }
        Some(_) | None => Ok(left),
    }
}

fn pay(
    draft: &mut Draft,
    sent: &Sent<'_>,
    refund: &Refund,
    amount: Money,
) -> Result<(), Rejection> {
    let processed = RefundProcessed {
        refund_id: refund.id,
        payment_id: sent.payment_id,
        processor_refund_id: sent.theirs.to_owned(),
        amount,
    };
    draft.record(StreamId::Account(sent.account_id), processed)
}

/// Takes out the refund that a sum settles next.
fn next(
    waiting: &mut Vec<Arc<Refund>>,
    sum: Money,
    residue: i128,
) -> Result<Option<Arc<Refund>>, Rejection> {
    let over = |refund: &Arc<Refund>| Ok(refund.left()?.minor() - sum.minor());
    let over = waiting.iter().map(over).collect::<Result<Vec<i128>, Rejection>>()?;
    let exact = over.iter().position(|over| over.abs() <= residue);
    let place = exact.or_else(|| over.iter().position(|over| *over <= 0));
    Ok(place.map(|place| waiting.remove(place)))
}
