//! Events about the account itself.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, events};
use crate::{ids::AccountId, money::Currency, personal::Personal};

events! {
    /// Whose account it is, and whether it is billed.
    ProfileEvent of AccountEvent {
        AccountOpened "account.opened" v 1,
        BillingDetailsRevised "account.billing_details_revised" v 1,
        AccountParked "account.parked" v 1,
        AccountReleased "account.released" v 1,
    }
}

/// A customer's account was opened; its currency and zone are fixed for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountOpened {
    /// The account's id.
    pub account_id: AccountId,
    /// The panel's own id of the customer, unique where given.
    pub external_id: Option<String>,
    /// Everything is billed in it.
    pub currency: Currency,
    /// Periods are reckoned on its calendar.
    #[schemars(with = "String")]
    pub time_zone: Tz,
    /// Whom invoices are made out to.
    pub billing: Personal,
}

/// Later invoices are made out to other particulars; earlier ones keep theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BillingDetailsRevised {
    /// The new particulars, whole.
    pub billing: Personal,
}

/// Billing this account would have broken a safety bound or a rule: nothing is billed on it until
/// somebody has looked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountParked {
    /// The code of the refusal that parked it, such as `too_many_invoice_lines`.
    pub code: String,
    /// The same for people.
    pub detail: String,
}

/// Somebody looked: the account is billed again, and what fell due meanwhile is recorded next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountReleased {
    /// What was found, in the words of whoever released it.
    pub reason: String,
}
