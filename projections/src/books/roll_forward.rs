//! The revenue roll-forward, per currency and month: how deferred revenue came from its opening to
//! its closing balance, and what the month earned.
//!
//! `opening + billed − credited_unearned − recognised = closing`, and a month's opening is the
//! closing of the one before.

use std::collections::BTreeMap;

use chrono::{Months, NaiveDate};
use daybook_events::Currency;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::decimal;
use crate::journal::{
    chart::{CORRECTIONS, DEFERRED_REVENUE, GOODWILL, MERCHANT_TAX, REFUNDS, REVENUE},
    entry::Entry,
    recognition::RECOGNISED,
    schedule::month_of,
};

/// A month of the roll-forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RollForwardRow {
    /// Which currency.
    pub currency: Currency,
    /// The month, such as `2026-05`.
    pub month: String,
    /// Deferred revenue when it began.
    #[schemars(with = "String")]
    pub opening_deferred: Decimal,
    /// Billed, without tax.
    #[schemars(with = "String")]
    pub billed: Decimal,
    /// Taken back by credit notes before it was earned.
    #[schemars(with = "String")]
    pub credited_unearned: Decimal,
    /// Earned: the month's revenue.
    #[schemars(with = "String")]
    pub recognised: Decimal,
    /// Deferred revenue when it ended.
    #[schemars(with = "String")]
    pub closing_deferred: Decimal,
    /// Earned and given back: refunds, corrections, goodwill, and tax that a merchant kept.
    #[schemars(with = "String")]
    pub contra_revenue: Decimal,
    /// Revenue less contra revenue.
    #[schemars(with = "String")]
    pub net_revenue: Decimal,
}

#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    billed: i128,
    credited: i128,
    recognised: i128,
    revenue: i128,
    contra: i128,
}

/// Sums what entries do to deferred revenue and to income, month by month.
#[derive(Debug, Clone, Default)]
pub struct RollForward {
    by_currency: BTreeMap<Currency, BTreeMap<NaiveDate, Moved>>,
}

impl RollForward {
    /// Adds an entry, of an event or of recognition.
    pub fn add(&mut self, entry: &Entry) {
        for posting in &entry.postings {
            let (currency, minor) = (posting.amount.currency(), posting.amount.minor());
            let account = posting.account.as_str();
            let contra = [REFUNDS, CORRECTIONS, GOODWILL, MERCHANT_TAX].contains(&account);
            if !contra && account != DEFERRED_REVENUE && account != REVENUE {
                continue;
            }
            let months = self.by_currency.entry(currency).or_default();
            let moved = months.entry(month_of(entry.posting_on)).or_default();
            match account {
                REVENUE => moved.revenue -= minor,
                DEFERRED_REVENUE if entry.kind == RECOGNISED => moved.recognised += minor,
                DEFERRED_REVENUE if minor < 0 => moved.billed -= minor,
                DEFERRED_REVENUE => moved.credited += minor,
                _contra => moved.contra += minor,
            }
        }
    }

    /// The months, from the first to the last in which something moved, by currency and month.
    #[must_use]
    pub fn rows(&self) -> Vec<RollForwardRow> {
        let mut rows = Vec::new();
        for (currency, months) in &self.by_currency {
            let (Some(first), Some(last)) = (months.keys().next(), months.keys().next_back())
            else {
                continue;
            };
            let (mut month, mut opening) = (*first, 0);
            while month <= *last {
                let moved = months.get(&month).copied().unwrap_or_default();
                let closing = opening + moved.billed - moved.credited - moved.recognised;
                rows.push(row(*currency, month, opening, closing, moved));
                opening = closing;
                let Some(next) = month.checked_add_months(Months::new(1)) else { break };
                month = next;
            }
        }
        rows
    }
}

fn row(
    currency: Currency,
    month: NaiveDate,
    opening: i128,
    closing: i128,
    moved: Moved,
) -> RollForwardRow {
    let decimal = |minor| decimal(minor, currency);
    RollForwardRow {
        currency,
        month: month.format("%Y-%m").to_string(),
        opening_deferred: decimal(opening),
        billed: decimal(moved.billed),
        credited_unearned: decimal(moved.credited),
        recognised: decimal(moved.recognised),
        closing_deferred: decimal(closing),
        contra_revenue: decimal(moved.contra),
        net_revenue: decimal(moved.revenue - moved.contra),
    }
}
