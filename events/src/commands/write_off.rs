//! Give up what is due on an invoice, for a reason: it is asked for no more, and the dunning ends.

use super::{
    billing,
    reasons::{check_reason, invoice_of},
};
use crate::{
    draft::Draft,
    envelope::StreamId,
    event::InvoiceWrittenOff,
    ids::{AccountId, InvoiceId},
    rejection::Rejection,
};

/// Give up what is due on an invoice.
#[derive(Debug, Clone)]
pub struct WriteOff {
    /// Which account.
    pub account_id: AccountId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Why.
    pub reason: String,
}

impl WriteOff {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        let invoice = invoice_of(&account, self.invoice_id)?;
        if !invoice.is_open() {
            return Err(Rejection::InvoiceNotOpen { invoice: invoice.id });
        }
        let written_off = InvoiceWrittenOff {
            adjustment_id: draft.mint(),
            invoice_id: invoice.id,
            invoice_number: invoice.number.clone(),
            amount: invoice.due,
            reason: self.reason.clone(),
        };
        draft.record(StreamId::Account(account.id), written_off)?;
        let now = draft.now();
        billing::collect(draft, account.id, invoice.id, now)?;
        billing::recover(draft, account.id, now)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn a_write_off_ends_the_dunning_and_its_undoing_begins_it_again() {
        let given = given_subscribed("pro").at("2026-06-16T00:00:00Z").and(settle_due());
        let then = given.clone().when(write_off(&given));
        then.recorded(&["invoice.written_off", "order.cancelled", "subscription.recovered"]);
        let given = given.clone().and(write_off(&given));
        let then = given.clone().when(undo(&given));
        then.recorded(&["adjustment.undone", "order.placed"]);
        let given = given.clone().and(undo(&given));
        given.clone().when(undo(&given)).rejected("adjustment_already_undone");
        let then = given.later(60).when(settle_due());
        then.recorded(&["subscription.fell_past_due", "subscription.suspended"]);
    }
}
