//! The revenue of each day: what every line of every invoice earns on it, in one entry per currency.
//!
//! A pure accumulator. Its memory is one number per day and currency, whatever is fed to it.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use daybook_events::{Currency, Money, money::MoneyError};

use super::{
    Bounds, JournalRow,
    chart::{DEFERRED_REVENUE, REVENUE},
    entry::{Entry, Posting},
    schedule::Segment,
};

/// The kind of an entry of recognition.
pub const RECOGNISED: &str = "revenue.recognised";

/// What is earned on each day, in minor units; grows at both ends.
#[derive(Debug, Clone, Default)]
struct Days {
    first: i32,
    amounts: std::collections::VecDeque<i128>,
}

impl Days {
    fn add(&mut self, day: i32, amount: i128) {
        if self.amounts.is_empty() {
            self.first = day;
        }
        while day < self.first {
            self.amounts.push_front(0);
            self.first -= 1;
        }
        let index = usize::try_from(day - self.first).unwrap_or(0);
        if index >= self.amounts.len() {
            self.amounts.resize(index + 1, 0);
        }
        self.amounts[index] += amount;
    }
}

/// Reckons the entries of recognition from the journal's rows, in any order.
#[derive(Debug, Clone)]
pub struct Recognition {
    bounds: Bounds,
    by_currency: BTreeMap<Currency, Days>,
}

impl Recognition {
    /// Nothing earned yet, within bounds.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, by_currency: BTreeMap::new() }
    }

    /// Adds what the lines of a row earn within the bounds.
    pub fn add(&mut self, row: &JournalRow) {
        for line in row.lines() {
            for (segment, until) in line.stretches(&self.bounds) {
                let before_the_next = until.and_then(|until| until.pred_opt());
                let last = before_the_next
                    .map_or(self.bounds.through, |last| last.min(self.bounds.through));
                self.spread(segment, last.min(segment.ends_on()));
            }
        }
    }

    /// Adds a segment's days up to and with `last`.
    fn spread(&mut self, segment: &Segment, last: NaiveDate) {
        let first = segment.begins_on();
        if segment.amount.is_zero() || last < first {
            return;
        }
        let days = self.by_currency.entry(segment.amount.currency()).or_default();
        let mut earned = 0;
        for day in first.num_days_from_ce()..=last.num_days_from_ce() {
            let Some(date) = NaiveDate::from_num_days_from_ce_opt(day) else { continue };
            let by_now = segment.recognised_by(date);
            days.add(day, by_now - earned);
            earned = by_now;
        }
    }

    /// The entries, by day and currency; none for a day on which nothing is earned.
    ///
    /// # Errors
    /// Where a day's sum is beyond the bound of money.
    pub fn entries(&self) -> impl Iterator<Item = Result<Entry, MoneyError>> {
        let first = self.by_currency.values().map(|days| days.first).min().unwrap_or(0);
        let end = |days: &Days| days.first + i32::try_from(days.amounts.len()).unwrap_or(0);
        let end = self.by_currency.values().map(end).max().unwrap_or(0);
        (first..end).flat_map(move |day| {
            self.by_currency.iter().filter_map(move |(currency, days)| {
                let index = usize::try_from(day - days.first).ok()?;
                let amount = *days.amounts.get(index).filter(|amount| **amount != 0)?;
                let date = NaiveDate::from_num_days_from_ce_opt(day)?;
                Some(entry(date, amount, *currency))
            })
        })
    }
}

fn entry(day: NaiveDate, amount: i128, currency: Currency) -> Result<Entry, MoneyError> {
    let posting = |account: &str, minor| {
        let amount = Money::from_minor(minor, currency)?;
        Ok(Posting { account: account.to_owned(), amount })
    };
    Ok(Entry {
        position: None,
        posting_on: day,
        kind: RECOGNISED.to_owned(),
        account_id: None,
        reference: None,
        description: format!("Revenue of {day} in {currency}"),
        postings: vec![posting(DEFERRED_REVENUE, amount)?, posting(REVENUE, -amount)?],
    })
}
