//! Events of the `book` stream: the ledger's own facts.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::events;
use crate::personal::Party;

events! {
    /// What happened to the book itself.
    BookEvent {
        BookOpened "book.opened" v 1,
    }
}

/// Whether real money moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BookKind {
    /// Real customers, real money.
    Live,
    /// For trying out: the sandbox processor is offered.
    Sandbox,
}

/// The first event of every ledger: what it is and whose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookOpened {
    /// Live or sandbox, for ever.
    pub kind: BookKind,
    /// Who sells; printed on every document.
    pub seller: Party,
    /// The seller's zone: document series and posting days are reckoned in it.
    pub time_zone: Tz,
    /// The month in which the seller's financial year begins, 1–12.
    pub financial_year_start_month: u32,
}
