//! Plans on offer, with the panel dialect's field names. Prices are exact JSON numbers: digits
//! copied from the decimal, never a float.

use std::sync::Arc;

use daybook_events::{Currency, Money, event::PlanTerms, period::Cycle};
use daybook_projections::{
    plans::{PlanRow, Plans},
    query::{Page, Reach},
};
use serde::Serialize;
use serde_json::{json, value::RawValue};

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError};

/// A plan as the panel dialect shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlanShape<'a> {
    id: u64,
    plan_id: String,
    slug: &'a str,
    name: &'a str,
    #[serde(rename = "type")]
    plan_type: &'a str,
    description: &'a str,
    price: Option<Box<RawValue>>,
    currency: Option<String>,
    memory: Option<u64>,
    disk: Option<u64>,
    cpu: Option<u64>,
    server_limit: Option<u64>,
    databases: Option<u64>,
    backups: Option<u64>,
    port_count: Option<u64>,
    tunnel_port_count: Option<u64>,
    hidden_from_billing: bool,
    features: serde_json::Value,
    trial_days: u32,
    limits: &'a daybook_events::event::Limits,
    prices: Vec<serde_json::Value>,
    revision: u32,
}

/// Digits of an amount as a JSON number, exactly.
fn number(money: Money) -> Option<Box<RawValue>> {
    RawValue::from_string(money.amount().to_string()).ok()
}

fn shape(row: &PlanRow, currency: Currency) -> PlanShape<'_> {
    let terms: &PlanTerms = &row.terms;
    let limit = |name: &str| terms.limits.get(name).copied().flatten();
    // The one price that the panel dialect shows: the monthly one in the configured currency.
    let monthly = || terms.prices.iter().filter(|price| price.cycle == Cycle::Monthly);
    let shown = terms.price(Cycle::Monthly, currency);
    let shown = shown.or_else(|| monthly().chain(&terms.prices).next().map(|price| price.amount));
    PlanShape {
        id: row.number.parse().unwrap_or(0),
        plan_id: row.plan_id.to_string(),
        slug: &row.slug,
        name: &terms.name,
        plan_type: &terms.plan_type,
        description: &terms.description,
        price: shown.and_then(number),
        currency: shown.map(|money| money.currency().to_string()),
        memory: limit("memory"),
        disk: limit("disk"),
        cpu: limit("cpu"),
        server_limit: limit("serverLimit"),
        databases: limit("databases"),
        backups: limit("backups"),
        port_count: limit("portCount"),
        tunnel_port_count: limit("tunnelPortCount"),
        hidden_from_billing: terms.hidden,
        features: json!(terms.features),
        trial_days: terms.trial_days,
        limits: &terms.limits,
        prices: terms
            .prices
            .iter()
            .map(|price| {
                json!({
                    "billingCycle": price.cycle,
                    "amount": price.amount.amount().to_string(),
                    "currency": price.amount.currency(),
                })
            })
            .collect(),
        revision: row.revision,
    }
}

/// `GET /api/plans`: those on offer, cheapest first.
///
/// # Errors
/// A database that cannot be reached.
pub async fn list(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let position = app.settled(Reach::Ledger).await;
    let page = Page { after: None, limit: 1000 };
    let mut rows = app.rows(Reach::Ledger).list::<Plans>(&page).await?;
    rows.retain(|row| !row.retired && !row.terms.hidden);
    rows.sort_by_key(|row| {
        let lowest = row.terms.prices.iter().map(|price| price.amount.minor()).min();
        // Plans at a custom price come last.
        (lowest.is_none(), lowest, row.number.parse::<u64>().unwrap_or(0))
    });
    let shapes: Vec<_> = rows.iter().map(|row| shape(row, app.face.currency)).collect();
    Ok(Answer::ok(&shapes).at(position).shared())
}

/// `GET /api/plans/{id}`: by number, slug or id.
///
/// # Errors
/// No such plan.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = app.settled(Reach::Ledger).await;
    let reference = call.capture(0);
    let mut row = None;
    for column in ["number", "slug", "key"] {
        if row.is_none() {
            row = app.rows(Reach::Ledger).find::<Plans>(column, reference).await?;
        }
    }
    let row = row.filter(|row| !row.terms.hidden).ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&shape(&row, app.face.currency)).at(position).shared())
}
