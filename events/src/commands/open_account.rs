//! Open a customer's account. Its currency and time zone are fixed for ever.

use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use uuid::Builder;

use crate::{
    country::{Country, indian_state},
    draft::Draft,
    envelope::StreamId,
    event::AccountOpened,
    ids::{AccountId, Id},
    money::Currency,
    personal::{Party, Personal},
    rejection::Rejection,
    tax_id,
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
        check_party(&self.billing.0)?;
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

/// Refuses particulars that no document could carry, or that tax could not be reckoned from: a
/// country that is none, a State of India that is none, a tax id that its country would not issue.
pub(super) fn check_party(party: &Party) -> Result<(), Rejection> {
    if let Some(field) = party.fault() {
        return Err(Rejection::BillingDetailsInvalid { field });
    }
    if party.country.is_empty() {
        return Ok(());
    }
    let unsupported = |_| Rejection::CountryUnsupported { country: party.country.clone() };
    let country: Country = party.country.parse().map_err(unsupported)?;
    let state = party.state.trim();
    if country == Country::INDIA && !state.is_empty() && indian_state(state).is_none() {
        return Err(Rejection::BillingDetailsInvalid { field: "state" });
    }
    if party.tax_id.trim().is_empty() {
        return Ok(());
    }
    tax_id::check(country, &party.tax_id)
        .map(drop)
        .map_err(|fault| Rejection::TaxIdInvalid { problem: fault.to_string() })
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

    #[test]
    fn countries_states_and_tax_ids_that_do_not_exist_are_refused() {
        let of = |country: &str, state: &str, tax_id: &str| {
            let mut command = open_account();
            let party = &mut command.billing.0;
            (party.country, party.state) = (country.into(), state.into());
            party.tax_id = tax_id.into();
            given_book().when(command)
        };
        of("ZZ", "", "").rejected("country_unsupported");
        of("IN", "Atlantis", "").rejected("billing_details_invalid");
        of("IN", "Karnataka", "22AAAAA0000A1Z5").rejected("tax_id_invalid");
        of("DE", "", "DE136695977").rejected("tax_id_invalid");
        of("IN", "MH", "27AAPFU0939F1ZV").recorded(&["account.opened"]);
    }
}
