//! `/api/ledger/documents`: which documents there are, what was recorded of their bytes, and which
//! could not be printed.

use std::{collections::HashMap, sync::Arc};

use daybook_events::{
    Money, Timestamp,
    ids::{AccountId, InvoiceId},
};
use daybook_projections::{
    documents::{DocumentKind, DocumentRow, Documents, Rendered},
    query::Page,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    app::App,
    documents::kept,
    http::{
        answer::Answer,
        call::Call,
        documents::{Wanted, find},
        error::ApiError,
        reading::{listed, shown},
    },
};

/// A document.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DocumentShape {
    /// The id of the invoice or of the credit note.
    document_id: String,
    /// What it is.
    kind: DocumentKind,
    /// Its number.
    number: String,
    /// Whose it is.
    account_id: AccountId,
    /// The invoice that it is, or takes from.
    invoice_id: InvoiceId,
    /// What it bills or takes back, with tax.
    total: Money,
    /// The instant of its issue.
    issued_at: Timestamp,
    /// The position of its issue.
    issued: i64,
    /// What was recorded of its bytes; `null` while that has not happened.
    rendered: Option<Rendered>,
    /// Why it could not be printed, the last time; `null` where nothing is known against it.
    problem: Option<String>,
}

impl DocumentShape {
    fn of(row: DocumentRow, problem: Option<String>) -> Self {
        Self {
            document_id: row.document_id,
            kind: row.kind,
            number: row.number,
            account_id: row.account_id,
            invoice_id: row.invoice_id,
            total: row.total,
            issued_at: row.issued_at,
            issued: row.issued,
            rendered: row.rendered,
            problem,
        }
    }
}

async fn shapes(app: &App, rows: Vec<DocumentRow>) -> Result<Vec<DocumentShape>, ApiError> {
    let ids: Vec<_> = rows.iter().map(|row| row.document_id.clone()).collect();
    let failures = kept::failures(app.pool(), &ids).await?;
    let mut problems: HashMap<_, _> =
        failures.into_iter().map(|failure| (failure.document, failure.problem)).collect();
    let shape = |row: DocumentRow| {
        let problem = problems.remove(&row.document_id);
        DocumentShape::of(row, problem)
    };
    Ok(rows.into_iter().map(shape).collect())
}

/// `GET /api/ledger/documents`: page by page.
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).page::<Documents>(&page).await?;
    Ok(listed(&call, shapes(&app, rows).await?, next).at(position))
}

/// `GET /api/ledger/documents/{id}`: by id or number.
///
/// # Errors
/// No such document within the key's reach.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let row = find(&app, &call, reach, Wanted::Any).await?;
    let shape = shapes(&app, vec![row]).await?.pop().ok_or_else(ApiError::not_found)?;
    Ok(Answer::ok(&shape).at(position))
}
