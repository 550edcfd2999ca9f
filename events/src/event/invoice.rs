//! Events about invoices and credit notes: what was billed, taken back, and printed of both.

use chrono::NaiveDate;
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccountEvent, DocumentRendered, events};
use crate::{
    coupon::Discount,
    ids::{AdjustmentId, CreditNoteId, InvoiceId, OrderId, PaymentId, PlanId, SubscriptionId},
    money::Money,
    period::Span,
    personal::{Party, Personal},
    policy::DunningDate,
    proration::Proration,
    tax::Tax,
    time::Timestamp,
    totals::{TaxAmount, Totals},
};

events! {
    /// What was billed, and taken back.
    InvoiceEvent of AccountEvent {
        InvoiceIssued "invoice.issued" v 1,
        InvoicePaid "invoice.paid" v 1,
        InvoiceWrittenOff "invoice.written_off" v 1,
        CreditNoteIssued "credit_note.issued" v 1,
        DocumentRendered "document.rendered" v 1,
    }
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    /// What it says to the customer.
    pub description: String,
    /// Which plan.
    pub plan_id: PlanId,
    /// Which revision.
    pub plan_revision: u32,
    /// The service period that the line pays for.
    pub span: Span,
    /// The list price, or the part of it that a proration gives.
    pub price: Money,
    /// How the price was reckoned, where it is not the full one.
    pub proration: Option<Proration>,
    /// What a coupon takes off, before tax.
    pub discount: Option<Discount>,
    /// Price less discount, in the terms of the price list: with tax inside where prices hold tax,
    /// else before it.
    pub amount: Money,
    /// Before tax.
    pub net: Money,
    /// The line's share of each tax of the invoice.
    pub taxes: Vec<TaxAmount>,
    /// With tax.
    pub total: Money,
}

/// A demand for money; its number is assigned with the event, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceIssued {
    /// The invoice's id.
    pub invoice_id: InvoiceId,
    /// The subscription that it bills.
    pub subscription_id: SubscriptionId,
    /// The order that brought it about, where there is one.
    pub order_id: Option<OrderId>,
    /// What is billed.
    pub lines: Vec<InvoiceLine>,
    /// How it is taxed, and why.
    pub tax: Tax,
    /// The sums of the lines.
    pub totals: Totals,
    /// What follows, and when, while it is unpaid: the ladder of the policy in force.
    pub dunning: Vec<DunningDate>,
    /// The seller, as on that day.
    pub seller: Party,
    /// The buyer, as on that day.
    pub bill_to: Personal,
    /// The seller's zone, in which the days of the lines are reckoned that earn their revenue; UTC
    /// where it is absent, as on the first invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Tz>,
}

impl InvoiceIssued {
    /// The seller's calendar day of an instant.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> NaiveDate {
        at.day_in(self.time_zone.unwrap_or(Tz::UTC))
    }
}

/// Nothing more is due on an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoicePaid {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// The payment that closed it; `null` where credit did.
    pub payment_id: Option<PaymentId>,
    /// What the payment brought.
    pub from_payment: Money,
    /// What account credit brought.
    pub from_credit: Money,
}

/// What is due on an invoice is given up; the invoice stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceWrittenOff {
    /// The adjustment's id, by which it can be undone.
    pub adjustment_id: AdjustmentId,
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// Its number.
    pub invoice_number: String,
    /// How much is given up.
    pub amount: Money,
    /// Why, in the words of whoever asked.
    pub reason: String,
}

/// Why (part of) an invoice was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CreditReason {
    /// Another plan took over inside the period.
    PlanChange,
    /// The customer got the money back.
    Refund,
    /// The subscription ended unpaid before its period did.
    Ended,
    /// Somebody corrected the invoice.
    Correction,
}

/// What a credit note takes from one line of its invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditLine {
    /// Which line of the invoice, from 0.
    pub line: u32,
    /// What it said.
    pub description: String,
    /// How much is taken back of the line's `amount`.
    pub amount: Money,
    /// What earlier credit notes had taken of it.
    pub credited_before: Money,
    /// How the amount was reckoned, where it is not the whole line.
    pub proration: Option<Proration>,
    /// Before tax.
    pub net: Money,
    /// What is taken back of each tax.
    pub taxes: Vec<TaxAmount>,
    /// With tax.
    pub total: Money,
}

/// (Part of) an invoice was taken back; its number is assigned with the event.
///
/// `totals.total = reduces_due + to_credit + to_refund`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreditNoteIssued {
    /// The credit note's id.
    pub credit_note_id: CreditNoteId,
    /// The invoice that it takes from.
    pub invoice_id: InvoiceId,
    /// That invoice's number.
    pub invoice_number: String,
    /// Why.
    pub reason: CreditReason,
    /// The same in the words of whoever asked for it.
    pub explanation: Option<String>,
    /// Line by line.
    pub lines: Vec<CreditLine>,
    /// How its invoice was taxed.
    pub tax: Tax,
    /// The sums of the lines.
    pub totals: Totals,
    /// What was not paid yet, and need not be.
    pub reduces_due: Money,
    /// What becomes credit on the account.
    pub to_credit: Money,
    /// What goes back to the customer.
    pub to_refund: Money,
    /// The seller, as on that day.
    pub seller: Party,
    /// The buyer, as on that day.
    pub bill_to: Personal,
}
