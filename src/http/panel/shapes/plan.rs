//! Plans as the panel dialect shows them.

use daybook_events::{
    Currency, Money,
    event::{Limits, PlanTerms},
    period::Cycle,
};
use daybook_projections::plans::PlanRow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::panel::number::Exact;

/// One price of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceShape {
    /// For how long it pays.
    pub billing_cycle: Cycle,
    /// In major units, with every digit of the currency.
    pub amount: String,
    /// Its currency.
    pub currency: Currency,
}

/// A plan.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanShape {
    /// Its number.
    pub id: u64,
    /// Its id in the ledger.
    pub plan_id: String,
    /// Its permanent name.
    pub slug: String,
    /// The name shown to customers.
    pub name: String,
    /// The portal tier that it grants.
    #[serde(rename = "type")]
    pub plan_type: String,
    /// What it is.
    pub description: String,
    /// The monthly price; `null` where it is agreed one by one.
    pub price: Option<Exact>,
    /// The price's currency.
    pub currency: Option<Currency>,
    /// Memory in MB; `null` is unlimited, as with every limit.
    pub memory: Option<u64>,
    /// Disk in MB.
    pub disk: Option<u64>,
    /// Processor time in per cent of a core.
    pub cpu: Option<u64>,
    /// Servers.
    pub server_limit: Option<u64>,
    /// Databases per server.
    pub databases: Option<u64>,
    /// Backups per server.
    pub backups: Option<u64>,
    /// Network ports per server.
    pub port_count: Option<u64>,
    /// Tunnels.
    pub tunnel_port_count: Option<u64>,
    /// Whether it is left out of the customers' page.
    pub hidden_from_billing: bool,
    /// Free flags.
    pub features: std::collections::BTreeMap<String, Value>,
    /// How many days are free.
    pub trial_days: u32,
    /// Every limit by name.
    pub limits: Limits,
    /// Every price.
    pub prices: Vec<PriceShape>,
    /// The newest revision.
    pub revision: u32,
    /// Whether it is off the shelf.
    pub retired: bool,
}

/// A plan as one revision says it.
#[derive(Debug, Clone, Copy)]
pub struct PlanSaid<'a> {
    /// Its id.
    pub plan_id: daybook_events::ids::PlanId,
    /// Its number.
    pub number: &'a str,
    /// Its slug.
    pub slug: &'a str,
    /// What the revision says.
    pub terms: &'a PlanTerms,
    /// Which revision.
    pub revision: u32,
    /// Whether it is off the shelf.
    pub retired: bool,
}

impl PlanShape {
    /// A plan as its row has it.
    #[must_use]
    pub fn of_row(row: &PlanRow, currency: Currency) -> Self {
        let said = PlanSaid {
            plan_id: row.plan_id,
            number: &row.number,
            slug: &row.slug,
            terms: &row.terms,
            revision: row.revision,
            retired: row.retired,
        };
        Self::of(said, currency)
    }

    /// A plan; its one price in a currency, where it is sold in it.
    #[must_use]
    pub fn of(plan: PlanSaid<'_>, currency: Currency) -> Self {
        let terms = plan.terms;
        let limit = |name: &str| terms.limits.get(name).copied().flatten();
        let shown = terms.shown_price(currency).map(|price| price.amount);
        Self {
            id: plan.number.parse().unwrap_or(0),
            plan_id: plan.plan_id.to_string(),
            slug: plan.slug.to_owned(),
            name: terms.name.clone(),
            plan_type: terms.plan_type.clone(),
            description: terms.description.clone(),
            price: shown.and_then(Exact::of),
            currency: shown.map(|money| money.currency()),
            memory: limit("memory"),
            disk: limit("disk"),
            cpu: limit("cpu"),
            server_limit: limit("serverLimit"),
            databases: limit("databases"),
            backups: limit("backups"),
            port_count: limit("portCount"),
            tunnel_port_count: limit("tunnelPortCount"),
            hidden_from_billing: terms.hidden,
            features: terms.features.clone(),
            trial_days: terms.trial_days,
            limits: terms.limits.clone(),
            prices: terms.prices.iter().map(PriceShape::of).collect(),
            revision: plan.revision,
            retired: plan.retired,
        }
    }
}

impl PriceShape {
    fn of(price: &daybook_events::event::Price) -> Self {
        Self {
            billing_cycle: price.cycle,
            amount: price.amount.amount().to_string(),
            currency: price.amount.currency(),
        }
    }

    /// The price that it shows, if it shows one.
    #[must_use]
    pub fn read(&self) -> Option<daybook_events::event::Price> {
        let amount = Money::parse(&self.amount, self.currency).ok()?;
        Some(daybook_events::event::Price { cycle: self.billing_cycle, amount })
    }
}
