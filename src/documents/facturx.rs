//! The e-invoice of a document.

use super::paper::Paper;

/// The e-invoice that says what the document says; `None` where there is none.
#[must_use]
pub fn xml(_paper: &Paper) -> Option<Vec<u8>> {
    None
}
