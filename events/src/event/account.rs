//! Events of an account's stream: orders, payments, the subscription, invoices, credit, refunds.
//!
//! Each keeps the facts of the decision and its inputs, and everything that a view of it shows, so
//! that no projection ever has to look elsewhere.

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::{Limits, events};
use crate::{
    ids::{
        AccountId, CreditNoteId, InvoiceId, OrderId, PaymentId, PlanId, RefundId, SubscriptionId,
    },
    money::{Currency, Money},
    period::{Anchor, Cycle, Span},
    personal::{Party, Personal},
    proration::Proration,
    refund_policy::Verdict,
    time::Timestamp,
};

events! {
    /// What happened to an account.
    AccountEvent {
        AccountOpened "account.opened" v 1,
        BillingDetailsRevised "account.billing_details_revised" v 1,
        OrderPlaced "order.placed" v 1,
        OrderCancelled "order.cancelled" v 1,
        CheckoutStarted "checkout.started" v 1,
        PaymentCaptured "payment.captured" v 1,
        SubscriptionActivated "subscription.activated" v 1,
        PlanChanged "subscription.plan_changed" v 1,
        CancellationScheduled "subscription.cancellation_scheduled" v 1,
        SubscriptionResumed "subscription.resumed" v 1,
        SubscriptionRenewed "subscription.renewed" v 1,
        SubscriptionEnded "subscription.ended" v 1,
        LimitsCustomised "subscription.limits_customised" v 1,
        InvoiceIssued "invoice.issued" v 1,
        InvoicePaid "invoice.paid" v 1,
        CreditNoteIssued "credit_note.issued" v 1,
        CreditGranted "credit.granted" v 1,
        CreditApplied "credit.applied" v 1,
        RefundRequested "refund.requested" v 1,
        RefundProcessed "refund.processed" v 1,
        RefundFailed "refund.failed" v 1,
    }
}

/// A customer's account was opened; its currency and zone are fixed for ever.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountOpened {
    /// The account's id.
    pub account_id: AccountId,
    /// The panel's own id of the customer, unique where given.
    pub external_id: Option<String>,
    /// Everything is billed in it.
    pub currency: Currency,
    /// Periods are reckoned on its calendar.
    pub time_zone: Tz,
    /// Whom invoices are made out to.
    pub billing: Personal,
}

/// Later invoices are made out to other particulars; earlier ones keep theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BillingDetailsRevised {
    /// The new particulars, whole.
    pub billing: Personal,
}

/// A plan as somebody holds it: revision, cycle, price and limits, unmoved by later revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldPlan {
    /// Which plan.
    pub plan_id: PlanId,
    /// Its number, as the panel dialect names it.
    pub number: String,
    /// Its slug.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The portal tier it grants.
    #[serde(rename = "type")]
    pub plan_type: String,
    /// Which revision of its terms.
    pub revision: u32,
    /// How often it is billed.
    pub cycle: Cycle,
    /// For how much.
    pub price: Money,
    /// What it allows.
    pub limits: Limits,
}

/// What an order, once paid, brings about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OrderPurpose {
    /// A new subscription to the plan.
    Subscribe,
    /// The rest due on an invoice already issued.
    PayInvoice {
        /// Which invoice.
        invoice_id: InvoiceId,
        /// Its number.
        invoice_number: String,
    },
}

/// Somebody asked to pay: for a new subscription, or for an open invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderPlaced {
    /// The order's id; its number is assigned with the event.
    pub order_id: OrderId,
    /// What it is for.
    pub purpose: OrderPurpose,
    /// The plan that it pays for.
    pub plan: HeldPlan,
    /// How much is to be paid.
    pub amount: Money,
}

/// Why an order will not be fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderCancelReason {
    /// The invoice it was to pay is due for another amount, or for none.
    InvoiceDueChanged,
}

/// An order will not be fulfilled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderCancelled {
    /// Which order.
    pub order_id: OrderId,
    /// Why.
    pub reason: OrderCancelReason,
}

/// A processor is ready to take the payment of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutStarted {
    /// Which order.
    pub order_id: OrderId,
    /// Which processor, such as `sandbox`.
    pub processor: String,
    /// The processor's own id of the order; signatures are checked over this stored value.
    pub processor_order_id: String,
    /// What the processor will take.
    pub amount: Money,
}

/// The processor took the money.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentCaptured {
    /// The payment's id.
    pub payment_id: PaymentId,
    /// The order that it pays.
    pub order_id: OrderId,
    /// The order's number.
    pub order_number: String,
    /// Which processor.
    pub processor: String,
    /// The processor's id of the payment; booked once, whoever brings the news.
    pub processor_payment_id: String,
    /// The processor's id of the order.
    pub processor_order_id: String,
    /// How much.
    pub amount: Money,
}

/// A subscription began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionActivated {
    /// The subscription's id.
    pub subscription_id: SubscriptionId,
    /// The order that brought it about.
    pub order_id: OrderId,
    /// What it gives.
    pub plan: HeldPlan,
    /// Where its periods hang.
    pub anchor: Anchor,
    /// Period 0.
    pub period: Span,
}

/// The subscription moved to another plan or cycle, at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanChanged {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// What it gave.
    pub from: HeldPlan,
    /// What it gives now.
    pub to: HeldPlan,
    /// The instant from which both sides are prorated, a whole second.
    pub at: Timestamp,
    /// The anchor from now on: unchanged, unless the cycle changed.
    pub anchor: Anchor,
    /// The current period's number under that anchor.
    pub period_index: u32,
    /// The current period.
    pub period: Span,
}

/// The subscription will end with its period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancellationScheduled {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The period's end.
    pub takes_effect_at: Timestamp,
}

/// A cancellation was taken back inside the same period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionResumed {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
}

/// The next period began; once per subscription and period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRenewed {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Which period, counted from the anchor.
    pub period_index: u32,
    /// From when to when.
    pub period: Span,
}

/// Why a subscription is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Cancelled, at once or with its period.
    Cancelled,
    /// Refunded.
    Refunded,
    /// The invoice of its last period was still unpaid when the period ended.
    Unpaid,
}

/// The subscription is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionEnded {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// Why.
    pub reason: EndReason,
    /// From when.
    pub at: Timestamp,
}

/// The subscription's limits differ from its plan's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsCustomised {
    /// Which subscription.
    pub subscription_id: SubscriptionId,
    /// The limits in force, whole.
    pub limits: Limits,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// How much, never negative.
    pub amount: Money,
    /// How the amount was reckoned, where it is not the full price.
    pub proration: Option<Proration>,
}

/// A demand for money; its number is assigned with the event, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The sum of the lines.
    pub total: Money,
    /// The seller, as on that day.
    pub seller: Party,
    /// The buyer, as on that day.
    pub bill_to: Personal,
}

/// Nothing more is due on an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// Why (part of) an invoice was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditReason {
    /// Another plan took over inside the period.
    PlanChange,
    /// The customer got the money back.
    Refund,
}

/// What a credit note takes from one line of its invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditLine {
    /// Which line of the invoice, from 0.
    pub line: u32,
    /// What it said.
    pub description: String,
    /// How much is taken back.
    pub amount: Money,
    /// What earlier credit notes had taken from the same line.
    pub credited_before: Money,
    /// How it was reckoned, where it is not the whole line.
    pub proration: Option<Proration>,
}

/// (Part of) an invoice was taken back; its number is assigned with the event.
///
/// `total = reduces_due + to_credit + to_refund`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Line by line.
    pub lines: Vec<CreditLine>,
    /// The sum of the lines.
    pub total: Money,
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

/// Where account credit comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CreditSource {
    /// A credit note on something paid.
    CreditNote {
        /// Which.
        credit_note_id: CreditNoteId,
    },
    /// Money that nothing was due for.
    Overpayment {
        /// Which payment.
        payment_id: PaymentId,
    },
}

/// The account has (more) credit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditGranted {
    /// How much more.
    pub amount: Money,
    /// Where from.
    pub source: CreditSource,
}

/// Account credit was used for an invoice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditApplied {
    /// Which invoice.
    pub invoice_id: InvoiceId,
    /// How much.
    pub amount: Money,
}

/// Money is reserved to go back; the processor is asked next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundRequested {
    /// The refund's id; also the processor's idempotency key.
    pub refund_id: RefundId,
    /// Which payment it goes back to.
    pub payment_id: PaymentId,
    /// Which processor.
    pub processor: String,
    /// The processor's id of that payment.
    pub processor_payment_id: String,
    /// How much.
    pub amount: Money,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// What the policy said, and from what.
    pub verdict: Verdict,
    /// What had been captured by the payment and not refunded before.
    pub refundable_before: Money,
}

/// The processor sent the money back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundProcessed {
    /// Which refund.
    pub refund_id: RefundId,
    /// The payment it went back to.
    pub payment_id: PaymentId,
    /// The processor's id of the refund.
    pub processor_refund_id: String,
    /// How much.
    pub amount: Money,
}

/// The processor did not send the money; it stays payable to the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundFailed {
    /// Which refund.
    pub refund_id: RefundId,
    /// What the processor said.
    pub reason: String,
}
