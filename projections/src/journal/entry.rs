//! An entry of the journal: what one event, or one day of recognition, posts.

use chrono::NaiveDate;
use daybook_events::{Money, ids::AccountId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One posting: debit is positive, credit negative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// The account's path in the chart of accounts, such as `liabilities:TaxPayable:IN:IGST`.
    pub account: String,
    /// How much.
    pub amount: Money,
}

/// An entry: its postings add up to zero in each currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The event that it posts; `null` for a day of recognition, which posts many lines' share.
    pub position: Option<i64>,
    /// The accounting day, in the seller's zone: never inside a period that was closed before.
    pub posting_on: NaiveDate,
    /// What it is about: the event's type, such as `invoice.issued`, or `revenue.recognised`.
    pub kind: String,
    /// Whose money or obligation; `null` where it is many customers'.
    pub account_id: Option<AccountId>,
    /// The number of the document, or the processor's id of the payment or refund.
    pub reference: Option<String>,
    /// What it says to a reader; never personal data.
    pub description: String,
    /// What is posted.
    pub postings: Vec<Posting>,
}
