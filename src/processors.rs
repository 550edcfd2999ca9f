//! Payment processors: who takes the money.
//!
//! An intent is in the log before a processor is asked, the outcome after. Each processor lives in
//! its own folder and speaks its own protocol; the rest of the shell knows one trait.

pub mod client;
pub mod lemonsqueezy;
pub mod manual;
pub mod news;
pub mod razorpay;
pub mod sandbox;
pub mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use daybook_events::{
    Money, Timestamp,
    commands::RefundOutcome,
    event::HeldPlan,
    ids::{OrderId, RefundId},
    period::Cycle,
};
use thiserror::Error;
use warp::http::HeaderMap;

pub use self::client::Unanswered;
use self::news::{News, Told, Unreadable};

/// Why a processor could not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProcessorError {
    /// No processor is set up for this ledger.
    #[error("no payment processor is set up for this ledger")]
    None,
    /// The processor that this is about is not set up any more.
    #[error("the processor `{0}` is not set up for this ledger")]
    Unknown(String),
    /// It was asked, and has not helped.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// What a processor is asked to take.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkout {
    /// Our order.
    pub order_id: OrderId,
    /// Its number, for people.
    pub number: String,
    /// How much.
    pub amount: Money,
    /// What is paid for.
    pub plan: HeldPlan,
    /// The code of the coupon that is in the amount; it counts for one purchase only.
    pub coupon: Option<String>,
    /// The customer's e-mail address, where it is known.
    pub email: Option<String>,
    /// The customer's name, where it is known.
    pub name: Option<String>,
    /// When the order expires.
    pub expires_at: Option<Timestamp>,
    /// Where a customer goes who has paid.
    pub success_url: Option<String>,
    /// Whether it may have been asked before: then a processor without idempotency looks first.
    pub asked_before: bool,
}

/// A processor waits for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The processor's own id of the order.
    pub processor_order_id: String,
    /// The page on which the customer pays, where the processor has one.
    pub url: Option<String>,
}

/// Money that is to go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunding {
    /// Our refund: the same every time it is asked.
    pub refund_id: RefundId,
    /// The processor's id of the payment.
    pub processor_payment_id: String,
    /// How much.
    pub amount: Money,
    /// How much the ledger booked of the payment: a merchant's own tax is not in it.
    pub captured: Money,
    /// How much of the payment will have gone back with it, all refunds together: a processor
    /// without idempotency tells by that whether this one is done.
    pub total_after: Money,
}

/// What a processor answers to a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundAnswer {
    /// It is done, or will never be.
    Settled(RefundOutcome),
    /// It is under way; news will come.
    Pending,
}

/// A message that came in, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Its headers.
    pub headers: &'m HeaderMap,
    /// Its bytes.
    pub body: &'m [u8],
}

impl Message<'_> {
    /// A header of text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Why a message is not taken for the processor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotTheirs {
    /// This ledger has no secret to check it by.
    #[error("this ledger has no webhook secret of the processor")]
    NoSecret,
    /// It has no signature.
    #[error("the message has no signature")]
    Unsigned,
    /// Its signature is not the processor's over these bytes.
    #[error("the signature is not the processor's over these bytes")]
    WrongSignature,
}

impl NotTheirs {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoSecret => "webhook_secret_missing",
            Self::Unsigned => "signature_missing",
            Self::WrongSignature => "signature_invalid",
        }
    }
}

/// A payment processor.
///
/// Whatever is asked may be asked again: an adapter makes sure that asking twice has the effect of
/// asking once, by the processor's idempotency where it has one, and by looking first where not.
#[async_trait]
pub trait Processor: std::fmt::Debug + Send + Sync {
    /// The name that events carry.
    fn name(&self) -> &'static str;

    /// The name under which it sells, where it is the merchant: the tax is then its own.
    fn merchant(&self) -> Option<&'static str> {
        None
    }

    /// The public key that a client's SDK needs.
    fn public_key(&self) -> &str {
        ""
    }

    /// Asks it to wait for an order's payment.
    ///
    /// # Errors
    /// Why it does not, or is not known to.
    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered>;

    /// What it waits for already for an order of ours and an amount, where it can be asked so.
    ///
    /// # Errors
    /// Why that is not known.
    async fn started(&self, order: OrderId, amount: Money) -> Result<Option<Started>, Unanswered>;

    /// Whether a signature is its own over a stored order id and a payment id.
    fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool;

    /// Takes an authorised payment.
    ///
    /// # Errors
    /// Why it is not known to be taken.
    async fn capture(&self, payment_id: &str, amount: Money) -> Result<(), Unanswered>;

    /// Sends money back.
    ///
    /// # Errors
    /// Why it is not known to be sent; a refusal is final.
    async fn refund(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered>;

    /// Checks that a message is its own, over the raw bytes and in constant time, and tells its id
    /// of the message where it has one.
    ///
    /// # Errors
    /// Why it is not.
    fn recognises(&self, message: &Message<'_>) -> Result<Option<String>, NotTheirs>;

    /// Everything that it has to say of an order of its own: payments, and what went back of them.
    ///
    /// # Errors
    /// Why that is not known.
    async fn news_of(&self, processor_order_id: &str) -> Result<Vec<News>, Unanswered>;

    /// Everything that it did within a time, so that what no message told is met.
    ///
    /// # Errors
    /// Why that is not known.
    async fn news_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<News>, Unanswered>;

    /// Moves a subscription that it runs to another plan.
    ///
    /// # Errors
    /// Why it does not; a processor that runs none refuses.
    async fn change_plan(&self, _subscription: &str, _to: &HeldPlan) -> Result<(), Unanswered> {
        Err(Unanswered::runs_none())
    }

    /// Ends a subscription that it runs, with its period.
    ///
    /// # Errors
    /// As for [`Self::change_plan`].
    async fn cancel(&self, _subscription: &str) -> Result<(), Unanswered> {
        Err(Unanswered::runs_none())
    }

    /// Takes the end of a subscription back.
    ///
    /// # Errors
    /// As for [`Self::change_plan`].
    async fn resume(&self, _subscription: &str) -> Result<(), Unanswered> {
        Err(Unanswered::runs_none())
    }

    /// The plan and the cycle that one of its variants sells: slug, id or number, and the cycle.
    fn plan_of(&self, _variant: &str) -> Option<(String, Cycle)> {
        None
    }

    /// How a subscription that it runs stands now.
    ///
    /// # Errors
    /// As for [`Self::change_plan`].
    async fn subscription(&self, _subscription: &str) -> Result<News, Unanswered> {
        Err(Unanswered::runs_none())
    }
}

/// What a stored message says, by the protocol of the processor that it came from. Pure: no
/// credentials, no clock; so it can be asked again after a fix.
///
/// # Errors
/// A message that is not of the processor's form; a processor that sends none.
pub fn interpret(processor: &str, body: &[u8]) -> Result<Told, Unreadable> {
    match processor {
        // The sandbox speaks Razorpay's protocol.
        razorpay::NAME | sandbox::NAME => razorpay::webhook::interpret(body),
        lemonsqueezy::NAME => lemonsqueezy::webhook::interpret(body),
        other => Err(Unreadable::Form(format!("`{other}` sends no messages"))),
    }
}

/// Where a checkout is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// The panel dialect.
    Panel,
    /// The processor dialect.
    Processor,
    /// The v1 dialect.
    V1,
}

/// The processors of a ledger.
#[derive(Debug, Clone)]
pub struct Processors {
    known: Vec<Arc<dyn Processor>>,
    preferred: settings::Preferred,
}

impl Processors {
    /// These processors; for each counter the one that is named, else the first that takes orders.
    #[must_use]
    pub fn new(known: Vec<Arc<dyn Processor>>, preferred: settings::Preferred) -> Self {
        Self { known, preferred }
    }

    /// The processor of a name that an event carries.
    ///
    /// # Errors
    /// It is not set up any more.
    pub fn named(&self, name: &str) -> Result<&Arc<dyn Processor>, ProcessorError> {
        let found = self.known.iter().find(|processor| processor.name() == name);
        found.ok_or_else(|| ProcessorError::Unknown(name.to_owned()))
    }

    /// The processor that takes the orders of a counter.
    ///
    /// # Errors
    /// None is set up.
    pub fn at(&self, counter: Counter) -> Result<&Arc<dyn Processor>, ProcessorError> {
        let wanted = self.preferred.at(counter);
        let found = wanted.into_iter().find_map(|name| self.named(name).ok());
        found.ok_or(ProcessorError::None)
    }

    /// The processor that takes an order of a counter: a merchant of record's order goes to a
    /// merchant of record, and no other does.
    ///
    /// # Errors
    /// None of that sort is set up.
    pub fn fitting(
        &self,
        counter: Counter,
        by_merchant: bool,
    ) -> Result<&Arc<dyn Processor>, ProcessorError> {
        let wanted = self.preferred.at(counter).into_iter();
        let known = wanted.filter_map(|name| self.named(name).ok()).chain(self.iter());
        let mut able = known.filter(|it| it.name() != manual::NAME);
        able.find(|it| it.merchant().is_some() == by_merchant).ok_or(ProcessorError::None)
    }

    /// Every processor.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Processor>> {
        self.known.iter()
    }
}
