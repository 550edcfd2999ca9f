//! The deferred revenue schedule: of each line of each invoice, what was billed, what of it was
//! earned, what was taken back before that, what is deferred, and in which months it will be earned.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use daybook_events::{
    Currency,
    ids::{AccountId, InvoiceId},
    money::MoneyError,
};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

use crate::journal::{Bounds, JournalRow, Subject, schedule::LineSchedule};

/// A line of an invoice. `net = credited_unearned + recognised + deferred`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeferredRow {
    /// Which currency.
    pub currency: Currency,
    /// The invoice's number.
    pub invoice_number: String,
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Whom it bills.
    pub account_id: AccountId,
    /// Which line, from 0.
    pub line: u32,
    /// What it says.
    pub description: String,
    /// The first day of service, in the seller's zone.
    pub first_day: NaiveDate,
    /// The day after the last.
    pub end_day: NaiveDate,
    /// Billed, without tax.
    #[schemars(with = "String")]
    pub net: Decimal,
    /// Taken back by credit notes before it was earned.
    #[schemars(with = "String")]
    pub credited_unearned: Decimal,
    /// Earned so far.
    #[schemars(with = "String")]
    pub recognised: Decimal,
    /// Not earned yet.
    #[schemars(with = "String")]
    pub deferred: Decimal,
}

/// What a line will earn in a month that is still to come, or in what is left of this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DeferredMonthRow {
    /// Which currency.
    pub currency: Currency,
    /// The invoice's number.
    pub invoice_number: String,
    /// Its id.
    pub invoice_id: InvoiceId,
    /// Which line, from 0.
    pub line: u32,
    /// The month, such as `2026-06`.
    pub month: String,
    /// How much.
    #[schemars(with = "String")]
    pub amount: Decimal,
}

/// The lines of a row, of an invoice that was posted within bounds.
///
/// # Errors
/// Never for a schedule that holds together.
pub fn lines(row: &JournalRow, bounds: &Bounds) -> Result<Vec<DeferredRow>, MoneyError> {
    let Subject::Invoice(invoice) = &row.subject else { return Ok(Vec::new()) };
    let within = row.first_position <= bounds.position && invoice.issued_on <= bounds.through;
    let lines = invoice.lines.iter().filter(|_| within);
    lines
        .map(|line| {
            let (recognised, deferred) = (line.recognised(bounds)?, line.deferred(bounds)?);
            let credited = line.net.minus(recognised)?.minus(deferred)?;
            Ok(DeferredRow {
                currency: line.net.currency(),
                invoice_number: invoice.number.clone(),
                invoice_id: invoice.invoice_id,
                account_id: row.account_id,
                line: line.line,
                description: line.description.clone(),
                first_day: line.first_day,
                end_day: line.end_day,
                net: line.net.amount(),
                credited_unearned: credited.amount(),
                recognised: recognised.amount(),
                deferred: deferred.amount(),
            })
        })
        .collect()
}

/// The months in which the lines of a row will be earned, as they stand at the bounds.
///
/// # Errors
/// Never for a schedule that holds together.
pub fn months(row: &JournalRow, bounds: &Bounds) -> Result<Vec<DeferredMonthRow>, MoneyError> {
    let Subject::Invoice(invoice) = &row.subject else { return Ok(Vec::new()) };
    let mut months = Vec::new();
    for line in &invoice.lines {
        months.extend(line.to_come(bounds)?.into_iter().map(|(month, amount)| DeferredMonthRow {
            currency: amount.currency(),
            invoice_number: invoice.number.clone(),
            invoice_id: invoice.invoice_id,
            line: line.line,
            month: month.format("%Y-%m").to_string(),
            amount: amount.amount(),
        }));
    }
    Ok(months)
}

/// Sums what is deferred, per currency.
#[derive(Debug, Clone, Default)]
pub struct Deferred {
    by_currency: BTreeMap<Currency, i128>,
}

impl Deferred {
    /// Adds a line.
    ///
    /// # Errors
    /// Never for a schedule that holds together.
    pub fn add(&mut self, line: &LineSchedule, bounds: &Bounds) -> Result<(), MoneyError> {
        let deferred = line.deferred(bounds)?;
        *self.by_currency.entry(deferred.currency()).or_default() += deferred.minor();
        Ok(())
    }

    /// The total of a currency, in minor units.
    #[must_use]
    pub fn total(&self, currency: Currency) -> i128 {
        self.by_currency.get(&currency).copied().unwrap_or(0)
    }
}
