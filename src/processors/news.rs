//! News from a processor, in our words: what its webhooks and its answers amount to, whoever it is.
//!
//! Interpreting is a pure function of the stored bytes, so that it can be done again after a fix.
//! It says what the processor says; whether that fits the ledger is for the rules.

use daybook_events::{Currency, Money, Timestamp, ids::OrderId, money::MoneyError};
use thiserror::Error;

/// A message of a processor, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The processor's name of the event.
    pub event: String,
    /// Whether no real money is meant, where the message says so.
    pub test: Option<bool>,
    /// What it amounts to.
    pub news: News,
}

/// What a processor says has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It took money.
    Captured(Captured),
    /// It may take money: it was authorised, and waits to be captured.
    Authorised(Payment),
    /// A payment did not come about; it may still.
    Failed {
        /// Which.
        payment: Payment,
        /// Its reason, in its words.
        reason: String,
    },
    /// One refund, and how far it is.
    Refund(Refund),
    /// How much of a payment has gone back, all in all.
    RefundedInAll {
        /// The processor's id of the payment.
        payment_id: String,
        /// The sum of every refund so far.
        amount: Money,
    },
    /// The customer's bank asks for the money back.
    Dispute(Dispute),
    /// A subscription that the processor itself keeps.
    Subscription(Subscription),
    /// Nothing that the ledger keeps: a known event that moves no money, or an unknown one.
    Nothing,
}

/// How a processor names what was to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ordered {
    /// By its own id of the order.
    Theirs(String),
    /// By our id, which it was given and gives back.
    Ours(OrderId),
    /// By a subscription that it renews itself.
    Subscription(String),
    /// Not at all.
    Unnamed,
}

/// A payment, by the processor's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The processor's id of the payment.
    pub payment_id: String,
    /// What it is for.
    pub order: Ordered,
    /// How much.
    pub amount: Money,
}

/// Money that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// The payment.
    pub payment: Payment,
    /// What the processor kept, where it says so.
    pub fee: Option<Fee>,
    /// The tax inside the amount that the processor itself owes, where it is the merchant.
    pub merchant_tax: Option<Money>,
    /// When, by the processor's clock.
    pub at: Option<Timestamp>,
}

/// What a processor keeps of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fee {
    /// For its service, without tax.
    pub service: Money,
    /// The tax on its service.
    pub tax: Money,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// On its way.
    Pending,
    /// Sent.
    Processed,
    /// Not sent.
    Failed,
}

/// One refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The processor's id of the refund.
    pub refund_id: String,
    /// The processor's id of the payment.
    pub payment_id: String,
    /// Our reference, where it was given one.
    pub receipt: Option<String>,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: RefundState,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// Undecided.
    Open,
    /// The seller keeps the money.
    Won,
    /// The money was taken back.
    Lost,
    /// Over without a decision.
    Closed,
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The processor's id of the dispute.
    pub dispute_id: String,
    /// The processor's id of the payment.
    pub payment_id: String,
    /// How much is disputed.
    pub amount: Money,
    /// How much was taken back so far.
    pub deducted: Money,
    /// How it stands.
    pub state: DisputeState,
    /// The reason's code, in the processor's words.
    pub reason: String,
}

/// A subscription that a processor keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The processor's id of it.
    pub subscription_id: String,
    /// What it began with.
    pub order: Ordered,
    /// Its status, in the processor's words.
    pub status: String,
    /// The processor's id of the variant that is subscribed to.
    pub variant_id: String,
    /// When it renews, where it does.
    pub renews_at: Option<Timestamp>,
    /// When it ends, where that is known.
    pub ends_at: Option<Timestamp>,
}

/// Why a message says nothing that can be believed. It is kept aside, with this as its reason.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Not JSON of the processor's form.
    #[error("the message is not of the processor's form: {0}")]
    Form(String),
    /// A sum that is none.
    #[error("`{field}` is no amount: {problem}")]
    Amount {
        /// Which field.
        field: &'static str,
        /// Why.
        problem: String,
    },
}

impl Unreadable {
    /// What serde says of a message that is not of the processor's form.
    pub(crate) fn form(error: &serde_json::Error) -> Self {
        Self::Form(error.to_string())
    }
}

/// A sum in minor units, as processors write it.
pub(crate) fn minor(
    field: &'static str,
    minor: i64,
    currency: Currency,
) -> Result<Money, Unreadable> {
    let problem = |error: MoneyError| Unreadable::Amount { field, problem: error.to_string() };
    if minor < 0 {
        return Err(Unreadable::Amount { field, problem: "it is negative".to_owned() });
    }
    Money::from_minor(i128::from(minor), currency).map_err(problem)
}

/// The currency of a code, as processors write it.
pub(crate) fn currency(code: &str) -> Result<Currency, Unreadable> {
    code.parse().map_err(|error: MoneyError| Unreadable::Amount {
        field: "currency",
        problem: error.to_string(),
    })
}
