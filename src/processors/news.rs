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
    RefundedInAll(RefundedInAll),
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
    Subscription {
        /// The processor's id of the subscription.
        id: String,
        /// Why it was billed.
        reason: BillingReason,
    },
    /// Not at all.
    Unnamed,
}

/// Why a processor billed a subscription that it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillingReason {
    /// It began: the order is told by a message of its own.
    Initial,
    /// A period is over.
    Renewal,
    /// It was changed within its period.
    Updated,
    /// Another reason, in the processor's word; empty where it says none.
    Other(String),
}

impl BillingReason {
    /// The reason of a processor's word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "initial" => Self::Initial,
            "renewal" => Self::Renewal,
            "updated" => Self::Updated,
            other => Self::Other(other.to_owned()),
        }
    }
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

/// What of a payment has gone back so far.
///
/// Both sums are as the processor counts them, so with its tax where it is the merchant: what the
/// ledger booked of the payment stands to `of` as the ledger's sum stands to `amount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundedInAll {
    /// The processor's id of the payment.
    pub payment_id: String,
    /// What the payment was for: a payment may be known by it that goes by another id here.
    pub order: Ordered,
    /// The sum of every refund so far.
    pub amount: Money,
    /// What was paid.
    pub of: Money,
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
    /// The processor's id of the payment that it began with, where it says so.
    pub first_payment_id: Option<String>,
    /// Its status, in the processor's words.
    pub status: String,
    /// Whether it was cancelled: it then ends at `ends_at`.
    pub cancelled: bool,
    /// The processor's id of the variant that is subscribed to.
    pub variant_id: String,
    /// When it renews, where it does.
    pub renews_at: Option<Timestamp>,
    /// When it ends, where that is known.
    pub ends_at: Option<Timestamp>,
    /// When it last changed: of two messages the later one is how it stands.
    pub updated_at: Option<Timestamp>,
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
