//! Change the seller's particulars on later documents.

use crate::{
    draft::Draft, envelope::StreamId, event::SellerRevised, personal::Party, rejection::Rejection,
};

/// Change the seller's particulars on later documents.
#[derive(Debug, Clone)]
pub struct ReviseSeller {
    /// The new particulars, whole.
    pub seller: Party,
}

impl ReviseSeller {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        super::open_account::check_party(&self.seller)?;
        let book = &draft.world().book;
        // The law wants a name on every document, and tax is reckoned from the country.
        let had_country = book.opened.as_ref().is_some_and(|it| !it.seller.country.is_empty());
        match () {
            () if self.seller.name.trim().is_empty() => {
                return Err(Rejection::BillingDetailsInvalid { field: "name" });
            }
            () if had_country && self.seller.country.is_empty() => {
                return Err(Rejection::BillingDetailsInvalid { field: "country" });
            }
            () => {}
        }
        if let Some(rules) = &book.tax_rules
            && let Some(problem) = rules.fault(&self.seller)
        {
            return Err(Rejection::TaxRulesInvalid { problem });
        }
        if book.opened.as_ref().is_some_and(|opened| opened.seller == self.seller) {
            return Err(Rejection::NothingToChange);
        }
        draft.record(StreamId::Book, SellerRevised { seller: self.seller.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::{AccountEvent, InvoiceEvent},
        testing::*,
    };

    fn seller(name: &str) -> ReviseSeller {
        ReviseSeller { seller: Party { name: name.into(), ..Party::default() } }
    }

    #[test]
    fn a_seller_keeps_a_name_and_a_country() {
        given_account().when(seller(" ")).rejected("billing_details_invalid");
        let mut french = seller("Exemple SARL");
        french.seller.country = "FR".into();
        let given = given_account().and(french);
        given.when(seller("Exemple SARL")).rejected("billing_details_invalid");
    }

    #[test]
    fn later_documents_name_the_new_seller_and_earlier_ones_keep_theirs() {
        let given = given_subscribed("pro").and(seller("New Name Ltd"));
        given.clone().when(seller("New Name Ltd")).rejected("nothing_to_change");
        let then = given.at("2026-06-01T00:00:00Z").when(settle_due());
        let printed = then.first(|event| match event {
            AccountEvent::Invoice(InvoiceEvent::InvoiceIssued(issued)) => {
                Some(issued.seller.name.clone())
            }
            _other => None,
        });
        assert_eq!(printed, "New Name Ltd");
    }
}
