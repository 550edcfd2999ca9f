//! Close an accounting period: what is recorded from then on posts to a later day, whatever it is
//! about. Periods are closed in order, once they are over, and never opened again.

use crate::{
    accounting::AccountingPeriod, draft::Draft, envelope::StreamId, event::PeriodClosed,
    rejection::Rejection,
};

/// Close an accounting period.
#[derive(Debug, Clone)]
pub struct ClosePeriod {
    /// Which; the first one holds the day on which the book was opened.
    pub period: AccountingPeriod,
}

impl ClosePeriod {
    pub(super) fn decide(&self, draft: &mut Draft) -> Result<(), Rejection> {
        let (book, period) = (&draft.world().book, self.period);
        let opened_on = book.opened_on.ok_or(Rejection::BookNotOpen)?;
        if period.last_day < period.first_day {
            return Err(Rejection::PeriodInvalid);
        }
        let closed_through = book.closed_through();
        if closed_through.is_some_and(|through| period.first_day <= through) {
            return Err(Rejection::PeriodClosed { period });
        }
        let follows = match closed_through {
            Some(through) => Some(period.first_day) == through.succ_opt(),
            None => period.contains(opened_on),
        };
        if !follows {
            let next = book.next_period().ok_or(Rejection::BookNotOpen)?;
            return Err(Rejection::PeriodOutOfOrder { next });
        }
        let today = book.day_of(draft.now());
        if period.last_day >= today {
            return Err(Rejection::PeriodNotOver { period, today });
        }
        draft.record(StreamId::Book, PeriodClosed { period })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn close(period: &str) -> ClosePeriod {
        ClosePeriod { period: period.parse().unwrap() }
    }

    #[test]
    fn periods_are_closed_once_they_are_over() {
        let given = given_book();
        given.clone().when(close("2026-05")).rejected("period_not_over");
        let last = given.clone().at("2026-05-31T23:59:59Z");
        last.when(close("2026-05")).rejected("period_not_over");
        let then = given.at("2026-06-01T00:00:00Z").when(close("2026-05"));
        then.recorded(&["book.period_closed"]);
    }

    #[test]
    fn a_day_is_over_in_the_sellers_zone() {
        let mut book = open_book();
        book.opened.time_zone = chrono_tz::Tz::America__New_York;
        let given = given_nothing().and(book);
        let given = given.at("2026-06-01T03:59:59Z");
        // The book was opened on the evening of 30 April, over there.
        given.clone().when(close("2026-05")).rejected("period_out_of_order");
        let given = given.and(close("2026-04"));
        given.clone().when(close("2026-05")).rejected("period_not_over");
        given.at("2026-06-01T04:00:00Z").when(close("2026-05")).recorded(&["book.period_closed"]);
    }

    #[test]
    fn periods_are_closed_in_order_and_once() {
        let given = given_book().at("2026-09-01T00:00:00Z");
        for other in ["2026-04", "2026-06", "2026-05-02/2026-05-31"] {
            given.clone().when(close(other)).rejected("period_out_of_order");
        }
        let given = given.and(close("2026-05-01/2026-05-15"));
        for closed in ["2026-05", "2026-05-01/2026-05-15", "2026-04", "2026-05-15/2026-05-20"] {
            given.clone().when(close(closed)).rejected("period_closed");
        }
        given.clone().when(close("2026-06")).rejected("period_out_of_order");
        let given = given.and(close("2026-05-16/2026-05-31")).and(close("2026-06"));
        assert_eq!(given.world().book.closed_through(), "2026-06-30".parse().ok());
        let backwards = AccountingPeriod {
            first_day: "2026-07-31".parse().unwrap(),
            last_day: "2026-07-01".parse().unwrap(),
        };
        given.clone().when(ClosePeriod { period: backwards }).rejected("period_invalid");
        given_nothing().when(close("2026-05")).rejected("book_not_open");
    }

    #[test]
    fn what_is_learned_late_posts_to_the_first_open_day() {
        let given = given_subscribed("pro").at("2026-07-03T00:00:00Z").and(close("2026-05"));
        let given = given.and(close("2026-06"));
        let then = given.when(settle_due());
        // The renewal of June counts from then, and posts to July; so does its number's year.
        let renewed = &then.events()[0];
        assert_eq!(renewed.effective_at.to_string(), "2026-06-01T00:00:00.000000Z");
        assert_eq!(renewed.posting_on.to_string(), "2026-07-01");
        let days = then.events().iter().map(|recorded| recorded.posting_on.to_string());
        assert!(days.into_iter().all(|day| day.as_str() >= "2026-07-01"));
    }

    #[test]
    fn two_years_that_are_learned_of_late_are_no_runaway_bill() {
        let mut given = given_subscribed("pro").and(grant("500")).at("2028-05-02T00:00:00Z");
        while given
            .world()
            .book
            .next_period()
            .is_some_and(|next| next.last_day < given.world().book.day_of(given.now()))
        {
            let period = given.world().book.next_period().unwrap();
            given = given.and(ClosePeriod { period });
        }
        let given = given.and(settle_due());
        let account = given.account();
        assert!(!account.parked);
        assert_eq!(account.invoices.iter().count(), 25);
    }

    #[test]
    fn a_document_of_a_closed_year_is_numbered_in_the_open_one() {
        let mut given = given_subscribed("pro").at("2027-01-02T00:00:00Z");
        for month in 5..=12 {
            given = given.and(close(&format!("2026-{month:02}")));
        }
        let then = given.when(settle_due());
        let numbers: Vec<_> =
            then.events().iter().filter(|it| it.event.type_name() == "invoice.issued").collect();
        assert_eq!(numbers[0].number.as_deref(), Some("INV-2027-000001"));
        assert_eq!(numbers[0].posting_on.to_string(), "2027-01-01");
    }
}
