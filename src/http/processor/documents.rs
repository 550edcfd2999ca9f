//! `/api/billing/invoices/{id}/pdf` and its like for credit notes: documents as files.

use std::sync::Arc;

use crate::{
    app::App,
    http::{
        answer::Answer,
        call::Call,
        documents::{Wanted, file, find},
        error::ApiError,
        reading::shown,
    },
};

/// `GET /api/billing/invoices/{id}/pdf`: by id or number.
///
/// # Errors
/// No such invoice within the key's reach, or one that cannot be printed.
pub async fn invoice(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    give(app, call, Wanted::Invoices).await
}

/// `GET /api/billing/credit-notes/{id}/pdf`: by id or number.
///
/// # Errors
/// No such credit note within the key's reach, or one that cannot be printed.
pub async fn credit_note(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    give(app, call, Wanted::CreditNotes).await
}

async fn give(app: Arc<App>, call: Call, wanted: Wanted) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let row = find(&app, &call, reach, wanted).await?;
    Ok(file(&app, &row).await?.at(position))
}
