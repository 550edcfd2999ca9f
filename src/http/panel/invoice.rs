//! The panel dialect's PDF of an order: a pro forma while it is unpaid, then its invoice.

use std::sync::Arc;

use daybook_projections::documents::Documents;

use super::showing;
use crate::{
    app::App,
    http::{
        answer::Answer,
        call::Call,
        documents::{pdf, word},
        error::ApiError,
        reading::shown,
    },
};

/// `GET /api/orders/{id}/invoice`: by the order's number or id.
///
/// # Errors
/// No such order within the key's reach, or one that was never billed and never will be.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let order = showing::order(&app, &call, reach).await?;
    let document = match order.invoice_id {
        Some(invoice) => app.rows(reach).get::<Documents>(&invoice.to_string()).await?,
        None => None,
    };
    let printed = match document {
        Some(document) => Some((word(document.kind), app.documents.fetch(&app, &document).await?)),
        None => app.documents.pro_forma(&app, &order).await?.map(|it| ("pro-forma", it)),
    };
    let (word, printed) = printed.ok_or_else(|| {
        let text = format!("order {} was not billed: it has no invoice", order.number);
        ApiError::new("not_found", text)
    })?;
    Ok(pdf(printed, &format!("{word}-{}", order.number)).at(position))
}

/// `GET /api/admin/orders/{id}/invoice`: of any account.
///
/// # Errors
/// As [`get`].
pub async fn admin(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    get(app, call).await
}
