//! When is what was billed earned? Straight-line, by the calendar day of the seller's zone, exact to
//! the last minor unit.
//!
//! A line of `n` days earns, by the end of day `k` (from 1), `⌊(2·amount·k + n) ÷ 2n⌋`: each day's
//! share is the difference of two of these, so the shares differ by at most one unit and sum to the
//! amount. The days are those from the one in which the span begins up to before the one in which
//! it ends; a span within one day has that day. Days before the entry that posts them are caught up
//! on its posting day, so nothing is ever earned inside a period that was closed before.
//!
//! A credit note takes from what is not earned yet first, and begins a new segment of the line: what
//! it leaves, over the days that are left. Where the service is over for good, that is the day on
//! which it ends.

use chrono::{Datelike, Days, NaiveDate};
use daybook_events::{Money, event::InvoiceLine, money::MoneyError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Bounds;

/// A stretch of a line: an amount that is earned over its days, from the day of its posting on, up
/// to before that of the segment after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// The event that began it: the invoice, or a credit note.
    pub position: i64,
    /// That event's accounting day: nothing of the segment is earned before.
    pub posting_on: NaiveDate,
    /// The first of its days.
    pub first_day: NaiveDate,
    /// The day after the last.
    pub end_day: NaiveDate,
    /// What is earned over its days.
    pub amount: Money,
}

impl Segment {
    /// How many days it has; at least one.
    #[must_use]
    pub fn days(&self) -> i64 {
        (self.end_day - self.first_day).num_days().max(1)
    }

    /// What is earned by the end of a day, in minor units.
    #[must_use]
    pub fn recognised_by(&self, day: NaiveDate) -> i128 {
        if day < self.posting_on {
            return 0;
        }
        let (days, gone) = (self.days(), (day - self.first_day).num_days() + 1);
        share(self.amount.minor(), gone.clamp(0, days), days)
    }

    /// The first day on which something can be earned of it.
    #[must_use]
    pub fn begins_on(&self) -> NaiveDate {
        self.posting_on.max(self.first_day)
    }

    /// The last day on which something is earned of it.
    #[must_use]
    pub fn ends_on(&self) -> NaiveDate {
        let last = self.first_day + Days::new(self.days().unsigned_abs() - 1);
        last.max(self.posting_on)
    }
}

/// What `amount` comes to after `k` of `n` days: rounded once, half up.
fn share(amount: i128, k: i64, n: i64) -> i128 {
    let (k, n) = (i128::from(k), i128::from(n));
    (2 * amount * k + n).div_euclid(2 * n)
}

/// How the revenue of an invoice's line is earned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineSchedule {
    /// Which line of the invoice, from 0.
    pub line: u32,
    /// What it says.
    pub description: String,
    /// Its first day of service.
    pub first_day: NaiveDate,
    /// The day after its last.
    pub end_day: NaiveDate,
    /// What was billed, without tax.
    pub net: Money,
    /// Its segments, oldest first; the newest counts from its posting day on.
    pub segments: Vec<Segment>,
}

/// What a credit note takes of a line: from what is deferred, and from what was earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TakenBack {
    /// Not earned yet.
    pub unearned: Money,
    /// Earned before.
    pub earned: Money,
}

impl LineSchedule {
    /// The schedule of a line over its days in the seller's zone.
    #[must_use]
    pub fn billed(
        index: u32,
        line: &InvoiceLine,
        days: (NaiveDate, NaiveDate),
        position: i64,
        posting_on: NaiveDate,
    ) -> Self {
        let (first_day, end_day) = (days.0, days.1.max(next(days.0)));
        let whole = Segment { position, posting_on, first_day, end_day, amount: line.net };
        Self {
            line: index,
            description: line.description.clone(),
            first_day,
            end_day,
            net: line.net,
            segments: vec![whole],
        }
    }

    /// Takes back a part of the line's net: what is deferred goes first. Where the service ends with
    /// it, what is left of the line belongs to days gone by and is earned at once; else over the
    /// days that are left.
    ///
    /// # Errors
    /// Another currency.
    pub fn take_back(
        &mut self,
        net: Money,
        ends: bool,
        position: i64,
        posting_on: NaiveDate,
    ) -> Result<TakenBack, MoneyError> {
        let before = posting_on.pred_opt().unwrap_or(posting_on);
        let deferred = match self.segments.last() {
            Some(last) => last.amount.minor() - last.recognised_by(before),
            None => 0,
        };
        let deferred = Money::from_minor(deferred, net.currency())?;
        let unearned = net.smaller(deferred)?;
        let first_day = self.first_day.max(posting_on);
        // What has ended stays so, whatever is taken back later.
        let end_day = self.segments.last().map_or(self.end_day, |last| last.end_day);
        let end_day = if ends { next(first_day) } else { end_day.max(next(first_day)) };
        let amount = deferred.minus(unearned)?;
        self.segments.push(Segment { position, posting_on, first_day, end_day, amount });
        Ok(TakenBack { unearned, earned: net.minus(unearned)? })
    }

    /// Ends the service: what is deferred is kept, and nothing will be given for it any more, so it
    /// is earned on that day.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn end(&mut self, position: i64, posting_on: NaiveDate) -> Result<(), MoneyError> {
        let nothing = Money::zero(self.net.currency());
        // An end that is learned of late, after a note, counts from that note on.
        let newest = self.segments.last().map_or(posting_on, |last| last.posting_on);
        let posting_on = posting_on.max(newest);
        self.take_back(nothing, true, position, posting_on).map(|_| ())
    }

    /// The segments within the bounds, each with the day before which it ends for another.
    pub fn stretches<'s>(
        &'s self,
        bounds: &Bounds,
    ) -> impl Iterator<Item = (&'s Segment, Option<NaiveDate>)> + use<'s> {
        let bounds = *bounds;
        let within = move |segment: &&Segment| {
            segment.position <= bounds.position && segment.posting_on <= bounds.through
        };
        let after = self.segments.iter().skip(1).filter(within).map(|next| Some(next.posting_on));
        self.segments.iter().filter(within).zip(after.chain([None]))
    }

    /// What of the line has been earned within the bounds.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn recognised(&self, bounds: &Bounds) -> Result<Money, MoneyError> {
        let earned = |(segment, until): (&Segment, Option<NaiveDate>)| {
            let last = until.map_or(bounds.through, |until| until.pred_opt().unwrap_or(until));
            segment.recognised_by(last)
        };
        Money::from_minor(self.stretches(bounds).map(earned).sum(), self.net.currency())
    }

    /// What of the line is deferred at the bounds; never negative.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn deferred(&self, bounds: &Bounds) -> Result<Money, MoneyError> {
        let newest = self.stretches(bounds).last();
        let left = newest
            .map_or(0, |(newest, _)| newest.amount.minor() - newest.recognised_by(bounds.through));
        Money::from_minor(left, self.net.currency())
    }

    /// What is still to be earned, as the line stands at the bounds: the first day of each month
    /// and how much.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn to_come(&self, bounds: &Bounds) -> Result<Vec<(NaiveDate, Money)>, MoneyError> {
        let Some((segment, _)) = self.stretches(bounds).last() else { return Ok(Vec::new()) };
        let (mut months, mut from) = (Vec::new(), bounds.through);
        let mut month = month_of(next(from).max(segment.begins_on()));
        while from < segment.ends_on() {
            let end = next_month(month);
            let last = end.pred_opt().unwrap_or(end);
            let earned = segment.recognised_by(last) - segment.recognised_by(from);
            if earned != 0 {
                months.push((month, Money::from_minor(earned, self.net.currency())?));
            }
            (month, from) = (end, last);
        }
        Ok(months)
    }
}

/// The first day of a day's month.
#[must_use]
pub fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

/// The first day of the month after.
fn next_month(month: NaiveDate) -> NaiveDate {
    month.checked_add_months(chrono::Months::new(1)).unwrap_or(NaiveDate::MAX)
}

fn next(day: NaiveDate) -> NaiveDate {
    day.succ_opt().unwrap_or(day)
}
