//! Open a customer's account. Its currency and time zone are fixed for ever.

use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::{
    draft::Draft,
    envelope::StreamId,
    event::AccountOpened,
    ids::{AccountId, Id},
    money::Currency,
    personal::Personal,
    rejection::Rejection,
};

/// Open a customer's account.
#[derive(Debug, Clone)]
pub struct OpenAccount {
    /// The new account's id: [`OpenAccount::id_of_external`] where there is an external id, so
    /// that one panel user never has two accounts.
    pub account_id: AccountId,
    /// The panel's own id of the customer.
    pub external_id: Option<String>,
    /// Everything is billed in it.
    pub currency: Currency,
    /// Periods are reckoned on its calendar.
    pub zone: Tz,
    /// Whom invoices are made out to.
    pub billing: Personal,
}

impl OpenAccount {
    /// The account id that an external id always gets.
    #[must_use]
    pub fn id_of_external(external_id: &str) -> AccountId {
        let digest = Sha256::new()
            .chain_update("daybook/account/external-id/v1\0")
            .chain_update(external_id)
            .finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        AccountId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
    }

    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let account_id = self.account_id;
        if draft.world().account(account_id).is_some() {
            return Err(Rejection::AccountExists { account: account_id });
        }
        let malformed = |id: &String| {
            !(1..=200).contains(&id.chars().count()) || id.chars().any(char::is_control)
        };
        if self.external_id.as_ref().is_some_and(malformed) {
            return Err(Rejection::ExternalIdInvalid);
        }
        if let Some(field) = self.billing.0.fault() {
            return Err(Rejection::BillingDetailsInvalid { field });
        }
        let opened = AccountOpened {
            account_id,
            external_id: self.external_id.clone(),
            currency: self.currency,
            time_zone: self.zone,
            billing: self.billing.clone(),
        };
        draft.record(StreamId::Account(account_id), opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn an_account_is_opened_once() {
        given_book().when(open_account()).recorded(&["account.opened"]);
        given_account().when(open_account()).rejected("account_exists");
    }

    #[test]
    fn an_external_id_always_gives_the_same_account() {
        let id = OpenAccount::id_of_external;
        assert_eq!(id("user-1"), id("user-1"));
        assert_ne!(id("user-1"), id("user-2"));
        let empty = OpenAccount { external_id: Some(String::new()), ..open_account() };
        given_book().when(empty).rejected("external_id_invalid");
    }

    #[test]
    fn particulars_that_no_document_could_carry_are_refused() {
        let mut odd = open_account();
        odd.billing.0.name = "Ada\u{0}".into();
        given_book().when(odd).rejected("billing_details_invalid");
    }
}
