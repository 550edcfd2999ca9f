//! Events of the `book` stream: the ledger's own facts.

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, events};
use crate::{
    accounting::AccountingPeriod, personal::Party, policy::Policy, tax::TaxRules, time::Timestamp,
};

events! {
    /// What happened to the book itself.
    BookEvent of Event {
        BookOpened "book.opened" v 1,
        SellerRevised "book.seller_revised" v 1,
        PolicyAdopted "book.policy_adopted" v 1,
        TaxRulesAdopted "book.tax_rules_adopted" v 1,
        ClockAdvanced "book.clock_advanced" v 1,
        PaymentMethodsAdopted "book.payment_methods_adopted" v 1,
        FeatureSwitched "book.feature_switched" v 1,
        PeriodClosed "book.period_closed" v 1,
    }
}

/// Whether real money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BookKind {
    /// Real customers, real money.
    Live,
    /// For trying out: the sandbox processor is offered.
    Sandbox,
}

/// The first event of every ledger: what it is and whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BookOpened {
    /// Live or sandbox, for ever.
    pub kind: BookKind,
    /// Who sells; printed on every document.
    pub seller: Party,
    /// The seller's zone: document series and posting days are reckoned in it.
    #[schemars(with = "String")]
    pub time_zone: Tz,
    /// The month in which the seller's financial year begins, 1–12.
    pub financial_year_start_month: u32,
}

/// Later documents name other particulars of the seller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SellerRevised {
    /// The new particulars, whole.
    pub seller: Party,
}

/// Billing follows another policy from now on; what was decided under an earlier one stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyAdopted {
    /// 2 for the first that is adopted; 1 is the one that a new ledger has.
    pub version: u32,
    /// The policy, whole.
    pub policy: Policy,
}

/// Later documents are taxed by other rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxRulesAdopted {
    /// 1 for the first; a ledger without rules taxes nothing.
    pub version: u32,
    /// The rules, whole.
    pub rules: TaxRules,
}

/// A sandbox ledger's clock stands at another instant from now on, until it is advanced again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockAdvanced {
    /// Where it stands now.
    pub to: Timestamp,
}

/// What kind of way of paying by hand it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethodKind {
    /// To an address on a network.
    Crypto,
    /// To an account of `PayPal`'s.
    #[serde(rename = "paypal")]
    PayPal,
    /// To a bank account.
    BankTransfer,
    /// Any other.
    Other,
}

/// A way of paying that no processor tells of: somebody looks whether the money came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentMethod {
    /// Its name in requests and references, such as `bank`.
    pub id: String,
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: PaymentMethodKind,
    /// What customers see.
    pub label: String,
    /// What is sent, where it is not the order's currency, such as `BTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// The network that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Where it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the customer is to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
}

impl PaymentMethod {
    /// The one that a new ledger has.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            id: "manual".to_owned(),
            kind: PaymentMethodKind::Other,
            label: "Manual payment".to_owned(),
            currency: None,
            network: None,
            address: None,
            instructions: None,
        }
    }
}

/// Later checkouts by hand offer other ways of paying.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentMethodsAdopted {
    /// 2 for the first that are adopted; 1 is what a new ledger has.
    pub version: u32,
    /// The methods, whole, in the order in which they are shown.
    pub methods: Vec<PaymentMethod>,
}

/// A part of Daybook that a ledger can do without.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The panel dialect's addresses.
    Billing,
}

impl Feature {
    /// The word for it, such as `billing`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Billing => "billing",
        }
    }
}

/// A feature is on or off from now on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureSwitched {
    /// Which feature.
    pub feature: Feature,
    /// Whether it is on.
    pub enabled: bool,
}

/// An accounting period is closed: nothing that is recorded later posts to a day in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PeriodClosed {
    /// Which; it follows the one that was closed before.
    pub period: AccountingPeriod,
}
