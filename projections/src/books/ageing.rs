//! Receivables ageing: what is due on each invoice at the end of a day, and for how long it has been.
//!
//! An invoice is due until its first day past due, which its dunning ladder names, or the day of its
//! issue where none does. Days overdue are counted from that day: on it they are one. The buckets:
//! not due yet, 1–30, 31–60, 61–90 days overdue, and over 90.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_events::{
    Currency,
    ids::{AccountId, InvoiceId},
};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use super::decimal;
use crate::journal::{Bounds, JournalRow, Subject, chart::RECEIVABLE};

/// For how long something has been due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// It is not past due yet.
    NotDue,
    /// For 1 to 30 days.
    #[serde(rename = "days_1_30")]
    Days1To30,
    /// For 31 to 60 days.
    #[serde(rename = "days_31_60")]
    Days31To60,
    /// For 61 to 90 days.
    #[serde(rename = "days_61_90")]
    Days61To90,
    /// For longer.
    Over90,
}

impl Bucket {
    fn of(days_overdue: i64) -> Self {
        match days_overdue {
            ..=0 => Self::NotDue,
            1..=30 => Self::Days1To30,
            31..=60 => Self::Days31To60,
            61..=90 => Self::Days61To90,
            91.. => Self::Over90,
        }
    }

    /// For how many days something is overdue at the end of a day, and the same in buckets.
    #[must_use]
    pub fn at(through: NaiveDate, due_on: NaiveDate) -> (i64, Self) {
        let days_overdue = ((through - due_on).num_days() + 1).max(0);
        (days_overdue, Self::of(days_overdue))
    }
}

/// An invoice with something due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReceivableRow {
    /// Which currency.
    pub currency: Currency,
    /// The invoice's number.
    pub invoice_number: String,
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whom it bills.
    pub account_id: AccountId,
    /// The accounting day of its issue.
    pub issued_on: NaiveDate,
    /// Its first day past due.
    pub due_on: NaiveDate,
    /// For how many days it has been past due; 0 where it is not.
    pub days_overdue: i64,
    /// The same in buckets.
    pub bucket: Bucket,
    /// What is due.
    #[schemars(with = "String")]
    pub due: Decimal,
}

/// What is due on an invoice's row within bounds, in minor units.
fn due_of(row: &JournalRow, bounds: &Bounds) -> i128 {
    let postings = row.entries_within(bounds).flat_map(|entry| &entry.postings);
    let receivable = postings.filter(|posting| posting.account == RECEIVABLE);
    receivable.map(|posting| posting.amount.minor()).sum()
}

/// A row's line of the ageing; `None` where it is not an invoice, or nothing is due on it.
#[must_use]
pub fn receivable(row: &JournalRow, bounds: &Bounds) -> Option<ReceivableRow> {
    let Subject::Invoice(invoice) = &row.subject else { return None };
    let currency = invoice.lines.first()?.net.currency();
    let due = due_of(row, bounds);
    let (days_overdue, bucket) = Bucket::at(bounds.through, invoice.due_on);
    (due != 0).then(|| ReceivableRow {
        currency,
        invoice_number: invoice.number.clone(),
        invoice_id: invoice.invoice_id,
        account_id: row.account_id,
        issued_on: invoice.issued_on,
        due_on: invoice.due_on,
        days_overdue,
        bucket,
        due: decimal(due, currency),
    })
}

/// A currency's line of the ageing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgeingRow {
    /// Which currency.
    pub currency: Currency,
    /// Not past due yet.
    #[schemars(with = "String")]
    pub not_due: Decimal,
    /// Past due for 1 to 30 days.
    #[schemars(with = "String")]
    pub days_1_30: Decimal,
    /// For 31 to 60 days.
    #[schemars(with = "String")]
    pub days_31_60: Decimal,
    /// For 61 to 90 days.
    #[schemars(with = "String")]
    pub days_61_90: Decimal,
    /// For longer.
    #[schemars(with = "String")]
    pub over_90: Decimal,
    /// All of it: the balance of `assets:Receivable`.
    #[schemars(with = "String")]
    pub total: Decimal,
}

/// Sums the ageing per currency.
#[derive(Debug, Clone, Default)]
pub struct Ageing {
    by_currency: BTreeMap<Currency, BTreeMap<Bucket, Decimal>>,
}

impl Ageing {
    /// Adds an invoice.
    pub fn add(&mut self, row: &ReceivableRow) {
        let buckets = self.by_currency.entry(row.currency).or_default();
        *buckets.entry(row.bucket).or_default() += row.due;
    }

    /// The total of a currency.
    #[must_use]
    pub fn total(&self, currency: Currency) -> Decimal {
        let buckets = self.by_currency.get(&currency);
        let zero = decimal(0, currency);
        buckets.map_or(zero, |buckets| buckets.values().fold(zero, |sum, due| sum + due))
    }

    /// The lines, by currency.
    pub fn rows(&self) -> impl Iterator<Item = AgeingRow> {
        self.by_currency.iter().map(|(currency, buckets)| {
            let of = |bucket| {
                let zero = decimal(0, *currency);
                buckets.get(&bucket).map_or(zero, |due| *due)
            };
            AgeingRow {
                currency: *currency,
                not_due: of(Bucket::NotDue),
                days_1_30: of(Bucket::Days1To30),
                days_31_60: of(Bucket::Days31To60),
                days_61_90: of(Bucket::Days61To90),
                over_90: of(Bucket::Over90),
                total: self.total(*currency),
            }
        })
    }
}
