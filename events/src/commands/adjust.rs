//! Adjustments by hand, each with a reason: give credit, write an invoice off, take an invoice (or
//! part of it) back, and undo one of the first two by a compensating event that names it.

use super::billing::{self, Creditable};
use crate::{
    account::{Account, Invoice},
    draft::Draft,
    envelope::StreamId,
    event::{Adjusted, AdjustmentUndone, CreditReason, CreditSource, InvoiceWrittenOff},
    ids::{AccountId, AdjustmentId, InvoiceId},
    money::Money,
    rejection::Rejection,
};
use std::sync::Arc;

/// Refuses a reason that says nothing, or that no document could carry.
pub(super) fn check_reason(reason: &str) -> Result<(), Rejection> {
    let length = reason.trim().chars().count();
    let says_something = (1..=500).contains(&length) && !reason.chars().any(char::is_control);
    if says_something { Ok(()) } else { Err(Rejection::ReasonRequired) }
}

fn check_amount(account: &Account, amount: Money) -> Result<(), Rejection> {
    let (given, expected) = (amount.currency(), account.currency);
    match () {
        () if given != expected => Err(Rejection::WrongCurrency { given, expected }),
        () if !amount.is_positive() => Err(Rejection::AmountNotPositive),
        () => Ok(()),
    }
}

fn invoice_of(account: &Account, id: InvoiceId) -> Result<&Arc<Invoice>, Rejection> {
    account.invoices.get(id).ok_or(Rejection::InvoiceUnknown { invoice: id })
}

/// Give the account credit.
#[derive(Debug, Clone)]
pub struct GrantCredit {
    /// Which account.
    pub account_id: AccountId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
}

impl GrantCredit {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        check_amount(&account, self.amount)?;
        let (adjustment_id, reason) = (draft.mint(), self.reason.clone());
        let source = CreditSource::Adjustment { adjustment_id, reason };
        let now = draft.now();
        billing::grant(draft, account.id, self.amount, source, now)
    }
}

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

/// Take an invoice, or part of it, back by a credit note. What of it was paid becomes credit.
#[derive(Debug, Clone)]
pub struct CreditInvoice {
    /// Which account.
    pub account_id: AccountId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// How much of the lines' amounts, before tax where tax comes on top of prices; `None` is all
    /// that is left, which closes the invoice to zero.
    pub amount: Option<Money>,
    /// Why.
    pub reason: String,
}

impl CreditInvoice {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        let invoice = invoice_of(&account, self.invoice_id)?;
        if invoice.written_off.is_positive() {
            return Err(Rejection::InvoiceIsWrittenOff { invoice: invoice.id });
        }
        let left = invoice.lines.iter().map(|line| line.left.amount);
        let left = Money::sum(account.currency, left)?;
        let creditable = match self.amount {
            None => Creditable::Whole,
            Some(amount) => {
                check_amount(&account, amount)?;
                if left.minus(amount)?.minor() < 0 {
                    return Err(Rejection::CreditExceedsInvoice { left });
                }
                Creditable::Amount(amount)
            }
        };
        let credit = billing::credit_of(&account, invoice, creditable)?;
        let credit = credit.ok_or(Rejection::CreditExceedsInvoice { left })?;
        let (nothing, now) = (Money::zero(account.currency), draft.now());
        let (reason, explanation) = (CreditReason::Correction, Some(self.reason.clone()));
        billing::issue_credit_note(draft, &account, credit, reason, explanation, nothing, now)
    }
}

/// Undo a wrong adjustment.
#[derive(Debug, Clone)]
pub struct UndoAdjustment {
    /// Which account.
    pub account_id: AccountId,
    /// Which adjustment.
    pub adjustment_id: AdjustmentId,
    /// Why it was wrong.
    pub reason: String,
}

impl UndoAdjustment {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account = draft.account(self.account_id)?;
        check_reason(&self.reason)?;
        let adjustment_id = self.adjustment_id;
        let unknown = Rejection::AdjustmentUnknown { adjustment: adjustment_id };
        let adjustment = *account.adjustments.get(adjustment_id).ok_or(unknown)?;
        if adjustment.undone {
            return Err(Rejection::AdjustmentAlreadyUndone { adjustment: adjustment_id });
        }
        let (adjusted, amount) = (adjustment.adjusted, adjustment.amount);
        if adjusted == Adjusted::Credit && account.credit.minus(amount)?.minor() < 0 {
            return Err(Rejection::CreditAlreadyUsed { left: account.credit });
        }
        let reason = self.reason.clone();
        let undone = AdjustmentUndone { adjustment_id, adjusted, amount, reason };
        draft.record(StreamId::Account(account.id), undone)?;
        match adjusted {
            Adjusted::Credit => Ok(()),
            Adjusted::WriteOff { invoice_id } => {
                let now = draft.now();
                billing::settle(draft, account.id, invoice_id, None, now)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn grant(amount: &str) -> GrantCredit {
        GrantCredit { account_id: account_id(), amount: usd(amount), reason: "goodwill".into() }
    }

    fn open_invoice(given: &Given) -> InvoiceId {
        given.account().invoices.iter().find(|invoice| invoice.is_open()).unwrap().id
    }

    fn write_off(given: &Given) -> WriteOff {
        let invoice_id = open_invoice(given);
        WriteOff { account_id: account_id(), invoice_id, reason: "cannot be collected".into() }
    }

    fn undo(given: &Given) -> UndoAdjustment {
        let adjustment_id = given.last_adjustment();
        UndoAdjustment { account_id: account_id(), adjustment_id, reason: "mistaken".into() }
    }

    fn credit_note(given: &Given, amount: Option<&str>) -> CreditInvoice {
        CreditInvoice {
            account_id: account_id(),
            invoice_id: given.account().invoices.iter().last().unwrap().id,
            amount: amount.map(usd),
            reason: "billed in error".into(),
        }
    }

    #[test]
    fn credit_is_given_used_and_undone_while_it_is_there() {
        let given = given_subscribed("pro").and(grant("10"));
        assert!(given.clone().and(undo(&given)).account().credit.is_zero());
        let used = given.at("2026-06-01T00:00:00Z").and(settle_due());
        used.clone().when(undo(&used)).rejected("credit_already_used");
        given_subscribed("pro").when(grant("0")).rejected("amount_not_positive");
        let silent = GrantCredit { reason: " ".into(), ..grant("1") };
        given_subscribed("pro").when(silent).rejected("reason_required");
    }

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

    #[test]
    fn credit_notes_close_an_invoice_to_exactly_zero_and_no_further() {
        let given =
            given_account().and(tax_rules("GB", "20", false)).and(order_of("pro")).and_paid();
        let given = given.clone().and(credit_note(&given, Some("3.33")));
        let given = given.clone().and(credit_note(&given, Some("3.33")));
        given.clone().when(credit_note(&given, Some("8.35"))).rejected("credit_exceeds_invoice");
        let given = given.clone().and(credit_note(&given, None));
        assert_eq!(given.account().credit, usd("18.00"));
        given.clone().when(credit_note(&given, None)).rejected("credit_exceeds_invoice");
    }

    #[test]
    fn a_written_off_invoice_is_not_credited_too() {
        let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
        let given = given.clone().and(write_off(&given));
        given.clone().when(credit_note(&given, None)).rejected("invoice_is_written_off");
        let then = given.when(change_plan("starter"));
        assert!(then.account().credit.is_zero());
    }
}
