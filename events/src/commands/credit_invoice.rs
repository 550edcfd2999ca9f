//! Take an invoice, or part of it, back by a credit note, for a reason.

use super::{
    billing::{self, Creditable, Crediting},
    reasons::{check_amount, check_reason, invoice_of},
};
use crate::{
    draft::Draft,
    event::CreditReason,
    ids::{AccountId, InvoiceId},
    money::Money,
    rejection::Rejection,
};

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
        let note = Crediting::new(credit, CreditReason::Correction, draft.now());
        let note = Crediting { explanation: Some(self.reason.clone()), ..note };
        billing::issue_credit_note(draft, &account, note)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn credit_notes_close_an_invoice_to_exactly_zero_and_no_further() {
        let given =
            given_account().and(tax_rules("GB", "20", false)).and(order_of("pro")).and_paid();
        let given = given.clone().and(credit_invoice(&given, Some("3.33")));
        let given = given.clone().and(credit_invoice(&given, Some("3.33")));
        given.clone().when(credit_invoice(&given, Some("8.35"))).rejected("credit_exceeds_invoice");
        let given = given.clone().and(credit_invoice(&given, None));
        assert_eq!(given.account().credit, usd("18.00"));
        given.clone().when(credit_invoice(&given, None)).rejected("credit_exceeds_invoice");
    }

    #[test]
    fn a_written_off_invoice_is_not_credited_too() {
        let given = given_subscribed("pro").at("2026-06-01T00:00:00Z").and(settle_due());
        let given = given.clone().and(write_off(&given));
        given.clone().when(credit_invoice(&given, None)).rejected("invoice_is_written_off");
        let then = given.when(change_plan("starter"));
        assert!(then.account().credit.is_zero());
    }
}
