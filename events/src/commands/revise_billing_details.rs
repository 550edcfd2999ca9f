//! Change whom later invoices are made out to; earlier invoices keep what they say.

use crate::{
    draft::Draft, envelope::StreamId, event::BillingDetailsRevised, ids::AccountId,
    personal::Personal, rejection::Rejection,
};

/// Change whom later invoices are made out to.
#[derive(Debug, Clone)]
pub struct ReviseBillingDetails {
    /// Which account.
    pub account_id: AccountId,
    /// The new particulars, whole.
    pub billing: Personal,
}

impl ReviseBillingDetails {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        draft.account(self.account_id)?;
        super::open_account::check_party(&self.billing.0)?;
        let billing = self.billing.clone();
        draft.record(StreamId::Account(self.account_id), BillingDetailsRevised { billing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn only_an_account_that_exists_is_revised() {
        let revise =
            |name: &str| ReviseBillingDetails { account_id: account_id(), billing: personal(name) };
        given_account().when(revise("Ada")).recorded(&["account.billing_details_revised"]);
        given_account().when(revise("A\tda")).rejected("billing_details_invalid");
        given_book().when(revise("Ada")).rejected("account_unknown");
    }
}
