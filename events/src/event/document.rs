//! What is said of documents: their bytes, as they were first made.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CreditNoteId, InvoiceId};

/// What a document is printed of.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DocumentOf {
    /// An invoice.
    Invoice {
        /// Which.
        invoice_id: InvoiceId,
    },
    /// A credit note.
    CreditNote {
        /// Which.
        credit_note_id: CreditNoteId,
    },
}

impl fmt::Display for DocumentOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice { invoice_id } => invoice_id.fmt(f),
            Self::CreditNote { credit_note_id } => credit_note_id.fmt(f),
        }
    }
}

/// How a document was printed: what its bytes depend on besides the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Printing {
    /// The version of the press: another one may set the same page in other bytes.
    pub press: u32,
    /// The size of the page, such as `a4`.
    pub page_size: String,
    /// The language of its fixed words, such as `en`.
    pub language: String,
    /// The name at the head of the page; `null` is the seller's.
    pub company: Option<String>,
    /// The SHA-256 of the logo's file, lower-case hex; `null` without a logo.
    pub logo: Option<String>,
    /// The HSN or SAC that invoices of a seller in India name, four to eight digits; absent where
    /// none is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sac: Option<String>,
}

/// A document was printed for the first time: its bytes are these for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRendered {
    /// Which document.
    pub document: DocumentOf,
    /// Its number.
    pub number: String,
    /// The position of the log as of which it is printed: nothing later is in it.
    pub shows: i64,
    /// The SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// What kind of file it is, such as `application/pdf`.
    pub media_type: String,
    /// How it was printed.
    pub printing: Printing,
}
