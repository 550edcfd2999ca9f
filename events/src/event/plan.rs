//! Events of a plan's stream: what is on offer, revision by revision.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Event, events};
use crate::{
    ids::{PlanId, ReapplicationId},
    money::{Currency, Money},
    period::Cycle,
};

events! {
    /// What happened to a plan.
    PlanEvent of Event {
        PlanPublished "plan.published" v 1,
        PlanRevised "plan.revised" v 1,
        PlanRetired "plan.retired" v 1,
        PlanLimitsReapplied "plan.limits_reapplied" v 1,
    }
}

/// A plan's limits by name, such as `memory` (MB) or `max_servers`; `null` is unlimited.
pub type Limits = BTreeMap<String, Option<u64>>;

/// One price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For how long it pays.
    pub cycle: Cycle,
    /// How much, in which currency.
    pub amount: Money,
}

/// Everything that a revision of a plan says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanTerms {
    /// The name shown to customers.
    pub name: String,
    /// The portal tier that the plan grants, such as `free` or `paid`.
    #[serde(rename = "type")]
    pub plan_type: String,
    /// What it is, for the billing page.
    pub description: String,
    /// One price per cycle and currency.
    pub prices: Vec<Price>,
    /// Whether the price is agreed one by one, so that nobody can order it from the page.
    pub custom_price: bool,
    /// How many days are free before the first period, once per account; 0 without a trial.
    pub trial_days: u32,
    /// What it allows.
    pub limits: Limits,
    /// Free flags for the panel, never read by Daybook.
    pub features: BTreeMap<String, serde_json::Value>,
    /// Whether it is left out of the customers' billing page.
    pub hidden: bool,
}

impl PlanTerms {
    /// The one price that is shown where there is room for one: the monthly price in this currency
    /// where there is one, else the first monthly price, else the first.
    #[must_use]
    pub fn shown_price(&self, currency: Currency) -> Option<&Price> {
        let monthly = || self.prices.iter().filter(|price| price.cycle == Cycle::Monthly);
        let wanted = monthly().find(|price| price.amount.currency() == currency);
        wanted.or_else(|| monthly().chain(&self.prices).next())
    }

    /// The price for a cycle in a currency.
    #[must_use]
    pub fn price(&self, cycle: Cycle, currency: Currency) -> Option<Money> {
        let fits = |price: &&Price| price.cycle == cycle && price.amount.currency() == currency;
        self.prices.iter().find(fits).map(|price| price.amount)
    }
}

/// A plan came on offer; its number is assigned with the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanPublished {
    /// The plan's id.
    pub plan_id: PlanId,
    /// The plan's name in URLs and configuration, permanent and unique.
    pub slug: String,
    /// Revision 1.
    pub terms: PlanTerms,
}

/// A plan has new terms for those who order from now on; existing subscriptions keep theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRevised {
    /// Which plan.
    pub plan_id: PlanId,
    /// 2 for the first revision, and so on.
    pub revision: u32,
    /// The new terms, whole.
    pub terms: PlanTerms,
}

/// A plan is no longer on offer; existing subscriptions keep it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRetired {
    /// Which plan.
    pub plan_id: PlanId,
}

/// The plan's current limits are to reach its subscribers, one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanLimitsReapplied {
    /// The reapplication's id, which every subscriber's event names.
    pub reapplication_id: ReapplicationId,
    /// Which plan.
    pub plan_id: PlanId,
    /// The revision whose limits they are.
    pub revision: u32,
    /// Whether subscribers with limits of their own lose them.
    pub force: bool,
}
