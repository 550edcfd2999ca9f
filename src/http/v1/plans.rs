//! `GET /api/v1/billing/plans`: what is on offer.

use std::{cmp::Reverse, sync::Arc};

use daybook_events::{
    Currency,
    event::{PlanTerms, Price},
    ids::PlanId,
    period::Cycle,
};
use daybook_projections::{
    plans::{PlanRow, Plans},
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::shapes::{Features, data, features, minor};
use crate::{
    app::App,
    http::{answer::Answer, call::Call, error::ApiError},
};

/// A plan on offer.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Plan")]
pub struct Plan {
    id: PlanId,
    /// What the checkout takes.
    slug: String,
    name: String,
    description: String,
    /// The monthly price in minor units, in the ledger's usual currency where it has one there;
    /// `null` for a plan whose price is agreed one by one.
    price: Option<i64>,
    currency: Option<Currency>,
    billing_cycle: Option<Cycle>,
    /// Every price there is.
    prices: Vec<PlanPrice>,
    /// How many days are free before the first period.
    trial_days: u32,
    /// What it gives: limits, `null` where unlimited, and flags.
    features: Features,
}

/// One price of a plan.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1PlanPrice")]
pub struct PlanPrice {
    billing_cycle: Cycle,
    /// In minor units.
    amount: i64,
    currency: Currency,
}

/// `GET /api/v1/billing/plans`: cheapest first; what has a custom price comes last.
///
/// # Errors
/// A database that cannot be reached.
pub async fn list(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let position = app.settled(Reach::Ledger).await;
    let page = Page { after: None, limit: 1000 };
    let mut rows = app.rows(Reach::Ledger).list::<Plans>(&page).await?;
    rows.retain(|row| !row.retired && !row.terms.hidden);
    let mut plans: Vec<_> = rows.into_iter().map(|row| shape(row, app.face.currency)).collect();
    plans.sort_by_key(|plan| (Reverse(plan.price.is_some()), plan.price));
    Ok(data(plans).at(position))
}

fn shape(row: PlanRow, currency: Currency) -> Plan {
    let shown = shown_price(&row.terms, currency);
    Plan {
        id: row.plan_id,
        slug: row.slug,
        price: shown.map(|price| minor(price.amount)),
        currency: shown.map(|price| price.amount.currency()),
        billing_cycle: shown.map(|price| price.cycle),
        prices: row.terms.prices.iter().map(PlanPrice::of).collect(),
        trial_days: row.terms.trial_days,
        features: features(&row.terms.limits, &row.terms.features),
        name: row.terms.name,
        description: row.terms.description,
    }
}

/// The one price that a page shows first.
fn shown_price(terms: &PlanTerms, currency: Currency) -> Option<&Price> {
    let monthly = || terms.prices.iter().filter(|price| price.cycle == Cycle::Monthly);
    let usual = monthly().find(|price| price.amount.currency() == currency);
    usual.or_else(|| monthly().next()).or_else(|| terms.prices.first())
}

impl PlanPrice {
    fn of(price: &Price) -> Self {
        let (billing_cycle, currency) = (price.cycle, price.amount.currency());
        Self { billing_cycle, amount: minor(price.amount), currency }
    }
}
