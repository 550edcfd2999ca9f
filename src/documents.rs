//! Documents: invoices, credit notes, receipts and pro formas, as a customer and a tax office take
//! them away.
//!
//! ```text
//! the log ─ source (rows as of the issue) ─ compose (paper) ─ room (queue) ─ press ─ kept ─ worker
//! ```
//! A document is printed as it was issued: as of the last event of its account in the transaction
//! of its issue. So whoever prints it, and when, the same bytes come of it. They are kept; the worker
//! records their hash in the log, once, and from then on nothing else is served.

pub mod check;
pub mod compose;
pub mod facturx;
pub mod kept;
pub mod language;
pub mod logo;
pub mod paper;
pub mod press;
pub mod room;
pub mod service;
pub mod settings;
pub mod source;
pub mod worker;

use daybook_events::{money::MoneyError, store::SubmitError};
use daybook_projections::{EngineError, projection::FoldError};
use thiserror::Error;

pub use self::service::{Documents, Printed};

/// The version of the press.
///
/// Another one may set the same page in other bytes, so it is recorded with each document; it goes
/// up with every change that does, which a test watches. What an older one printed is not printed
/// again: its bytes are kept.
pub const PRESS_VERSION: u32 = 2;

/// What kind of file a document is.
pub const PDF: &str = "application/pdf";

/// Why there is no document to give.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Postgres refused.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log or a projection could not be read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The record of it could not be appended.
    #[error(transparent)]
    Submit(#[from] SubmitError),
    /// Its history cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// Its sums do not hold together.
    #[error("the sums of document {0} do not hold together")]
    Money(String, #[source] MoneyError),
    /// The log does not have what it is printed of.
    #[error("the log does not have what document {0} is printed of")]
    Missing(String),
    /// The press could not print it, neither in the queue nor outside of it.
    #[error("document {document} cannot be printed: {problem}")]
    Unprintable {
        /// Which document.
        document: String,
        /// Why.
        problem: String,
    },
    /// What is kept is not what was recorded, and printing it again does not give that either.
    #[error(
        "document {document} was recorded with SHA-256 {recorded}, and printed again it has \
         {printed}: it is not given out"
    )]
    Altered {
        /// Which document.
        document: String,
        /// The hash in the log.
        recorded: String,
        /// The hash of what was printed again.
        printed: String,
    },
    /// A recorded way of printing that this build does not know.
    #[error("document {document} was printed in a way that this build does not know: {problem}")]
    UnknownPrinting {
        /// Which document.
        document: String,
        /// What is not known.
        problem: String,
    },
}
