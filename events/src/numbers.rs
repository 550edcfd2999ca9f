//! Numbers without gaps: invoices and credit notes per financial year, plans and orders for ever.
//!
//! A number is assigned with its event, under the lock that orders the log, and is part of the
//! recorded event; a rejected or lost command burns none.

use chrono::{Datelike, NaiveDate};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::event::{AccountEvent as A, Event, InvoiceEvent, OrderEvent, PlanEvent};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Series {
    Invoice,
    CreditNote,
    /// Of what a merchant of record sells: no tax invoices, so they leave no gap in their series.
    Receipt,
    /// Credit notes on receipts.
    ReceiptNote,
    Order,
    Plan,
}

impl Series {
    /// The series that an event takes a number of, if it takes one.
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Account(A::Invoice(event)) => match event {
                InvoiceEvent::InvoiceIssued(it) if it.tax.is_by_merchant_of_record() => {
                    Some(Self::Receipt)
                }
                InvoiceEvent::InvoiceIssued(_) => Some(Self::Invoice),
                InvoiceEvent::CreditNoteIssued(it) if it.tax.is_by_merchant_of_record() => {
                    Some(Self::ReceiptNote)
                }
                InvoiceEvent::CreditNoteIssued(_) => Some(Self::CreditNote),
                InvoiceEvent::InvoicePaid(_)
                | InvoiceEvent::InvoiceWrittenOff(_)
                | InvoiceEvent::DocumentRendered(_) => None,
            },
            Event::Account(A::Order(OrderEvent::OrderPlaced(_))) => Some(Self::Order),
            Event::Plan(PlanEvent::PlanPublished(_)) => Some(Self::Plan),
            Event::Account(_)
            | Event::Plan(_)
            | Event::Coupon(_)
            | Event::Access(_)
            | Event::Book(_) => None,
        }
    }

    /// The counter that it uses: documents begin anew each financial year.
    fn counter(self, year: &FinancialYear) -> String {
        match self {
            Self::Invoice => format!("INV{}", year.part()),
            Self::CreditNote => format!("CN{}", year.part()),
            Self::Receipt => format!("RC{}", year.part()),
            Self::ReceiptNote => format!("RN{}", year.part()),
            Self::Order => "order".to_owned(),
            Self::Plan => "plan".to_owned(),
        }
    }
}

/// A seller's financial year: `-2026-` where it is the calendar's, `/26-27/` where it is not, so
/// that a number has at most sixteen characters, as India's GST rules want.
struct FinancialYear {
    first: i32,
    is_calendar_year: bool,
}

impl FinancialYear {
    fn of(day: NaiveDate, start_month: u32) -> Self {
        let first = if day.month() < start_month { day.year() - 1 } else { day.year() };
        Self { first, is_calendar_year: start_month <= 1 }
    }

    fn part(&self) -> String {
        if self.is_calendar_year {
            format!("-{}-", self.first)
        } else {
            let short = |year: i32| year.rem_euclid(100);
            format!("/{:02}-{:02}/", short(self.first), short(self.first + 1))
        }
    }
}

/// How far each series has been counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Numbers(OrdMap<String, u64>);

impl Numbers {
    /// The number that an event gets, if it is of a kind that gets one, and counts it.
    pub fn assign(
        &mut self,
        event: &Event,
        posting_on: NaiveDate,
        start_month: u32,
    ) -> Option<String> {
        let series = Series::of(event)?;
        let counter = series.counter(&FinancialYear::of(posting_on, start_month));
        let next = self.0.get(&counter).copied().unwrap_or(0) + 1;
        let number = match series {
            Series::Invoice | Series::CreditNote | Series::Receipt | Series::ReceiptNote => {
                format!("{counter}{next:06}")
            }
            Series::Order | Series::Plan => next.to_string(),
        };
        self.0.insert(counter, next);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn year(day: &str, start_month: u32) -> String {
        FinancialYear::of(day.parse().unwrap(), start_month).part()
    }

    #[test]
    fn every_documents_number_has_at_most_sixteen_characters() {
        for series in [Series::Invoice, Series::CreditNote, Series::Receipt, Series::ReceiptNote] {
            for start_month in [1, 4] {
                let year = FinancialYear::of("2026-05-01".parse().unwrap(), start_month);
                let number = format!("{}{:06}", series.counter(&year), 999_999);
                assert!(number.len() <= 16, "{number}");
            }
        }
    }

    #[test]
    fn a_financial_year_begins_in_its_own_month() {
        assert_eq!(year("2026-03-31", 1), "-2026-");
        assert_eq!(year("2026-03-31", 4), "/25-26/");
        assert_eq!(year("2026-04-01", 4), "/26-27/");
        assert_eq!(year("2099-04-01", 4), "/99-00/");
    }
}
