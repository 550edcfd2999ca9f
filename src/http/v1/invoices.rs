//! `/api/v1/billing/invoices`: what the account was billed.

use std::sync::Arc;

use daybook_events::{Currency, ids::InvoiceId};
use daybook_projections::{
    invoices::{InvoiceRow, InvoiceStatus, Invoices},
    query::{Page, Reach},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::shapes::{Instant, data, minor};
use crate::{
    app::{App, Face},
    http::{
        answer::Answer,
        call::Call,
        documents::{Wanted, file, find},
        error::ApiError,
        reading::{next_page, shown},
    },
};

/// How far an invoice has come, in this dialect's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "V1InvoiceStatus")]
pub enum Status {
    /// Nothing more is due.
    Paid,
    /// Something is still to be paid.
    Pending,
    /// What was due is given up.
    Failed,
    /// Credit notes have taken back the whole of it.
    Refunded,
}

impl From<InvoiceStatus> for Status {
    fn from(status: InvoiceStatus) -> Self {
        match status {
            InvoiceStatus::Open => Self::Pending,
            InvoiceStatus::Paid => Self::Paid,
            InvoiceStatus::Credited => Self::Refunded,
            InvoiceStatus::WrittenOff => Self::Failed,
        }
    }
}

/// An invoice as this dialect shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "V1Invoice")]
pub struct Invoice {
    id: InvoiceId,
    /// What was billed, tax included, in minor units.
    amount: i64,
    currency: Currency,
    status: Status,
    created_at: Instant,
    /// Where its PDF is, for the same credentials.
    pdf_url: String,
}

impl Invoice {
    fn of(row: &InvoiceRow, face: &Face) -> Self {
        Self {
            id: row.invoice_id,
            amount: minor(row.total),
            currency: row.total.currency(),
            status: row.status.into(),
            created_at: Instant(row.issued_at),
            pdf_url: format!("{}/invoices/{}.pdf", face.public_url, row.invoice_id),
        }
    }
}

/// `GET /api/v1/billing/invoices`: oldest first, page by page; `Link` leads to the next.
///
/// # Errors
/// A page out of range.
pub async fn list(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = Reach::Account(call.account()?);
    let position = shown(&app, &call, reach).await?;
    let (limit, after) = call.page()?;
    let page = Page { after: after.as_deref(), limit };
    let (rows, next) = app.rows(reach).page::<Invoices>(&page).await?;
    let answer =
        data(rows.iter().map(|row| Invoice::of(row, &app.face)).collect::<Vec<_>>()).at(position);
    Ok(match next {
        Some(next) => answer.with("link", next_page(&call, &next)),
        None => answer,
    })
}

/// `GET /api/v1/billing/invoices/{id}`
///
/// # Errors
/// No such invoice on the account.
pub async fn get(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let id: InvoiceId = call.captured_id(0)?;
    let reach = Reach::Account(call.account()?);
    let position = shown(&app, &call, reach).await?;
    let row = app.rows(reach).get::<Invoices>(&id.to_string()).await?;
    let row = row.ok_or_else(ApiError::not_found)?;
    Ok(data(Invoice::of(&row, &app.face)).at(position))
}

/// `GET /api/v1/billing/invoices/{id}/pdf`: by id or number.
///
/// # Errors
/// No such invoice within the key's reach, or one that cannot be printed.
pub async fn pdf(app: Arc<App>, call: Call) -> Result<Answer, ApiError> {
    let reach = call.reach()?;
    let position = shown(&app, &call, reach).await?;
    let row = find(&app, &call, reach, Wanted::Invoices).await?;
    Ok(file(&app, &row).await?.at(position))
}

/// `GET /invoices/{id}.pdf`: the address in `pdf_url`.
///
/// # Errors
/// As [`pdf`]; a name that does not end in `.pdf`.
pub async fn by_name(app: Arc<App>, mut call: Call) -> Result<Answer, ApiError> {
    let name = call.capture(0).strip_suffix(".pdf").ok_or_else(ApiError::not_found)?;
    call.captures = vec![name.to_owned()];
    pdf(app, call).await
}
