//! The book's state: what kind of ledger this is, and whose.

use chrono::NaiveDate;
use chrono_tz::Tz;

use crate::{
    event::{BookEvent, BookKind, BookOpened},
    time::Timestamp,
};

/// What the rules know of the book.
#[derive(Debug, Clone, Default)]
pub struct Book {
    /// The version of the stream, 0 before it was opened.
    pub version: i64,
    /// Its first event.
    pub opened: Option<BookOpened>,
}

impl Book {
    /// Takes in one of its events.
    pub fn evolve(&mut self, event: &BookEvent) {
        match event {
            BookEvent::BookOpened(opened) => self.opened = Some(opened.clone()),
        }
    }

    /// Whether real money moves; unknown before the book was opened.
    #[must_use]
    pub fn kind(&self) -> Option<BookKind> {
        self.opened.as_ref().map(|opened| opened.kind)
    }

    /// The accounting day of an instant: the day in the seller's zone.
    #[must_use]
    pub fn posting_day(&self, at: Timestamp) -> NaiveDate {
        at.day_in(self.opened.as_ref().map_or(Tz::UTC, |opened| opened.time_zone))
    }

    /// The month in which the seller's financial year begins.
    #[must_use]
    pub fn financial_year_start_month(&self) -> u32 {
        self.opened.as_ref().map_or(1, |opened| opened.financial_year_start_month)
    }
}
