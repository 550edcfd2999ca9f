//! The `billing` feature flag: it closes the panel dialect's addresses and nothing else.

use std::sync::Arc;

use daybook_events::{Rejection, commands::SwitchFeature, event::Feature, store::SubmitError};
use daybook_projections::query::Reach;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::http::{answer::Answer, call::Call, error::ApiError, reading::shown};

/// The addresses that stay open when the feature is off.
pub const PATH: &str = "/api/admin/features/";

/// Whether a feature is on, or is to be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

/// `GET /api/admin/features/billing`
///
/// # Errors
/// The failure of the machinery.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let position = shown(&app, &call, Reach::Ledger).await?;
    let enabled = app.ledger.look(None, |world| world.book.has(Feature::Billing)).await?;
    Ok(Answer::ok(&Switch { enabled }).at(position))
}

/// `PUT /api/admin/features/billing`: counts from the next request on, in every process. A switch
/// that changes nothing succeeds and appends nothing.
///
/// # Errors
/// The failure of the machinery.
pub async fn switch(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let Switch { enabled } = call.json()?;
    let feature = Feature::Billing;
    let position = match app.submit(call.request(SwitchFeature { feature, enabled })?).await {
        Ok(receipt) => receipt.position(),
        Err(SubmitError::Rejected(Rejection::NothingToChange)) => app.settled(Reach::Ledger).await,
        Err(error) => return Err(error.into()),
    };
    Ok(Answer::ok(&Switch { enabled }).at(position))
}
