//! Documents over HTTP: what every dialect's address of a PDF has in common.

use std::sync::Arc;

use daybook_events::store::SubmitError;
use daybook_projections::{
    documents::{DocumentKind, DocumentRow, Documents},
    query::Reach,
};
use percent_encoding::percent_decode_str;
use warp::http::StatusCode;

use super::{answer::Answer, call::Call, error::ApiError};
use crate::{
    app::App,
    documents::{DocumentError, PDF, Printed},
};

/// How long a reader keeps a document without asking again: its bytes never change.
const AN_HOUR: &str = "private, max-age=3600";

/// Which documents an address gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Invoices, and the receipts of what a merchant of record sells.
    Invoices,
    /// Credit notes, and what takes receipts back.
    CreditNotes,
    /// All of them.
    Any,
}

impl Wanted {
    fn is(self, kind: DocumentKind) -> bool {
        let bills = matches!(kind, DocumentKind::Invoice | DocumentKind::Receipt);
        match self {
            Self::Invoices => bills,
            Self::CreditNotes => !bills,
            Self::Any => true,
        }
    }
}

/// The document that the path names, by its id or its number, within a reach.
///
/// # Errors
/// No such document there.
pub(super) async fn find(
    app: &App,
    call: &Call,
    reach: Reach,
    wanted: Wanted,
) -> Result<DocumentRow, ApiError> {
    let named = percent_decode_str(call.capture(0)).decode_utf8();
    let named = named.map_err(|_| ApiError::not_found())?;
    // What is no id and no number is not asked of the database, which takes no NUL.
    if !(1..=100).contains(&named.len()) || named.chars().any(char::is_control) {
        return Err(ApiError::not_found());
    }
    let rows = app.rows(reach);
    let row = match rows.get::<Documents>(&named).await? {
        Some(row) => Some(row),
        None => rows.find::<Documents>("number", &named).await?,
    };
    row.filter(|row| wanted.is(row.kind)).ok_or_else(ApiError::not_found)
}

/// The file of a document, which a reader may keep for an hour.
///
/// # Errors
/// A document that cannot be printed, or whose bytes are lost.
pub(super) async fn file(app: &Arc<App>, row: &DocumentRow) -> Result<Answer, ApiError> {
    let printed = app.documents.fetch(app, row).await?;
    let answer = pdf(printed, &format!("{}-{}", word(row.kind), row.number));
    Ok(answer.with("cache-control", AN_HOUR.to_owned()))
}

/// What a document of a kind is called in file names.
pub(super) fn word(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Invoice => "invoice",
        DocumentKind::CreditNote => "credit-note",
        DocumentKind::Receipt => "receipt",
        DocumentKind::ReceiptNote => "receipt-note",
    }
}

/// A file to be saved under a name. Its tag is of its bytes, as that of every answer.
pub(super) fn pdf(printed: Printed, name: &str) -> Answer {
    // Numbers may hold a slash, which no file name has.
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '-' })
        .collect();
    Answer::bytes(StatusCode::OK, PDF, printed.bytes)
        .with("content-disposition", format!("attachment; filename=\"{name}.pdf\""))
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        let text = error.to_string();
        match error {
            DocumentError::Database(error) => error.into(),
            DocumentError::Engine(error) => error.into(),
            DocumentError::Submit(SubmitError::Rejected(rejection)) => rejection.into(),
            DocumentError::Submit(error) => error.into(),
            DocumentError::Altered { document, .. } => {
                tracing::error!(error = text, "a document is not given out");
                let text = format!(
                    "document {document} is not what was recorded of it, and is not given out"
                );
                Self::new("document_altered", text)
            }
            DocumentError::Unprintable { document, .. }
            | DocumentError::UnknownPrinting { document, .. }
            | DocumentError::Money(document, _)
            | DocumentError::Missing(document) => {
                tracing::error!(error = text, "a document cannot be printed");
                let text = format!("document {document} cannot be printed at the moment");
                Self::new("document_unprintable", text)
            }
            DocumentError::Fold(error) => Self::internal(&error),
        }
    }
}
