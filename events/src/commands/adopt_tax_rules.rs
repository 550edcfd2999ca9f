//! Adopt tax rules. Documents already issued keep theirs.

use crate::{
    draft::Draft, envelope::StreamId, event::TaxRulesAdopted, rejection::Rejection, tax::TaxRules,
};

/// Adopt tax rules.
#[derive(Debug, Clone)]
pub struct AdoptTaxRules {
    /// The rules, whole.
    pub rules: TaxRules,
}

impl AdoptTaxRules {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let book = &draft.world().book;
        let opened = book.opened.as_ref().ok_or(Rejection::BookNotOpen)?;
        if let Some(problem) = self.rules.fault(&opened.seller) {
            return Err(Rejection::TaxRulesInvalid { problem });
        }
        let version = book.tax_version + 1;
        let rules = self.rules.clone();
        draft.record(StreamId::Book, TaxRulesAdopted { version, rules })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::*;

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        given_account().when(tax_rules("ZZ", "20", false)).rejected("tax_rules_invalid");
    }

    #[test]
    fn tax_rules_count_for_invoices_from_then_on() {
        let given = given_subscribed("pro").and(tax_rules("GB", "20", false));
        let then = given.clone().at("2026-06-01T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "18.00 USD");
        let inside = given_subscribed("pro").and(tax_rules("GB", "20", true));
        let then = inside.at("2026-06-01T00:00:00Z").when(settle_due());
        assert_eq!(then.invoice_total(), "15.00 USD");
    }

    #[test]
    fn a_period_that_cannot_be_taxed_parks_the_account_until_somebody_has_looked() {
        let given = given_subscribed("pro").and(tax_rules("DE", "19", false));
        let given = given.at("2026-06-01T00:00:00Z");
        let then = given.clone().when(settle_due());
        then.recorded(&["account.parked"]);
        let parked = given.and(settle_due());
        parked.clone().later(86_400).when(settle_due()).rejected("nothing_due");
        parked.clone().when(change_plan("starter")).rejected("account_parked");
        let mended = parked.and(tax_rules("GB", "20", false)).and(release("rules mended"));
        let then = mended.later(60).when(settle_due());
        then.recorded(&["subscription.renewed", "invoice.issued", "order.placed"]);
    }
}
