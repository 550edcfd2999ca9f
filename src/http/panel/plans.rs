//! Plans on offer, with the panel dialect's field names. Prices are exact JSON numbers: digits
//! copied from the decimal, never a float.

use std::sync::Arc;

use daybook_projections::{
    plans::{PlanRow, Plans},
    query::{Page, Reach},
};

use super::shapes::PlanShape;
use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError};

/// `GET /api/plans`: those on offer, cheapest first.
///
/// # Errors
/// A database that cannot be reached.
pub async fn list(app: Arc<App>, _: Call) -> Result<Answer, ApiError> {
    let position = app.settled(Reach::Ledger).await;
    let mut rows = every(&app).await?;
    rows.retain(|row| !row.retired && !row.terms.hidden);
    rows.sort_by_key(|row| {
        let lowest = row.terms.prices.iter().map(|price| price.amount.minor()).min();
        // Plans at a custom price come last.
        (lowest.is_none(), lowest, row.number.parse::<u64>().unwrap_or(0))
    });
    let shapes: Vec<_> = rows.iter().map(|row| PlanShape::of_row(row, app.face.currency)).collect();
    Ok(Answer::ok(&shapes).at(position).shared())
}

/// Every plan there is, in the order in which they came about.
pub(super) async fn every(app: &App) -> Result<Vec<PlanRow>, ApiError> {
    const AT_ONCE: i64 = 1000;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = Page { after: after.as_deref(), limit: AT_ONCE };
        let (rows, next) = app.rows(Reach::Ledger).page::<Plans>(&page).await?;
        all.extend(rows);
        let Some(next) = next else { return Ok(all) };
        after = Some(next);
    }
}

/// `GET /api/plans/{id}`: by number, slug or id.
///
/// # Errors
/// No such plan.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = app.settled(Reach::Ledger).await;
    let row = named(&app, call.capture(0)).await?;
    let row = row.filter(|row| !row.terms.hidden).ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&PlanShape::of_row(&row, app.face.currency)).at(position).shared())
}

/// The plan of a number, a slug or an id.
pub(super) async fn named(app: &App, reference: &str) -> Result<Option<PlanRow>, ApiError> {
    for column in ["number", "slug", "key"] {
        if let Some(row) = app.rows(Reach::Ledger).find::<Plans>(column, reference).await? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
