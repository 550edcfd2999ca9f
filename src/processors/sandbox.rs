//! The sandbox: a processor without money, so that a newcomer can pay without an account anywhere.
//!
//! It speaks Razorpay's protocol: its confirm rule, its webhooks, its shapes. Its ids grow out of
//! its secret and ours, so asking twice gives the same answer, as a real processor's idempotency
//! does. It keeps books of its own, as a real processor would, and tells this server what happens
//! in them by signed messages over HTTP.

mod keys;
mod letters;
mod messages;
mod sender;
mod store;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use daybook_events::{Money, Timestamp, commands::RefundOutcome, ids::OrderId};
use sqlx::PgPool;
use tokio::sync::Notify;

pub use self::{
    keys::Keys,
    letters::{Letter, Told},
    messages::{
        DisputeStatus, PaymentStatus, SandboxDispute, SandboxPayment, SandboxRefund, money,
    },
    sender::Sender,
    store::{Books, Course, Extract, Paying, Returned, Returning},
};
use super::{
    Checkout, Message, NotTheirs, Processor, RefundAnswer, Refunding, Started, Unanswered,
    news::News,
};

/// The name that events carry.
pub const NAME: &str = "sandbox";

/// The built-in processor.
#[derive(Debug)]
pub struct Sandbox {
    /// Its ids and signatures.
    pub keys: Keys,
    books: Books,
    sender: OnceLock<Sender>,
    woken: Notify,
}

impl Sandbox {
    /// The sandbox of a ledger, by the secret that its processes share, with its books in the
    /// ledger's database.
    #[must_use]
    pub fn new(secret: String, pool: PgPool) -> Self {
        Self {
            keys: Keys::new(secret),
            books: Books::new(pool),
            sender: OnceLock::new(),
            woken: Notify::new(),
        }
    }

    /// What it has written down; changes are made here, so that their messages are sent at once.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Tells it where this server listens: its messages go there. Before that it sends none.
    ///
    /// # Errors
    /// A machine without sockets.
    pub fn reaches(&self, listener: SocketAddr) -> Result<(), reqwest::Error> {
        let sender = Sender::to(listener)?;
        // A server has one address; whoever says it twice says the same.
        let _ = self.sender.set(sender);
        Ok(())
    }

    /// Sends its messages until it is stopped; for ever nothing where it knows no address.
    pub async fn run(self: Arc<Self>) {
        match self.sender.get() {
            Some(sender) => sender.run(&self.books, &self.keys, &self.woken).await,
            None => std::future::pending().await,
        }
    }

    /// Sends what is due, of one payment or of all, each message once; tells whether all of it has
    /// arrived. `false` too where it knows no address.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn send_due(&self, payment_id: Option<&str>) -> Result<bool, sqlx::Error> {
        match self.sender.get() {
            Some(sender) => sender.send_due(&self.books, &self.keys, payment_id).await,
            None => Ok(false),
        }
    }

    /// Whether it knows where this server listens.
    #[must_use]
    pub fn has_address(&self) -> bool {
        self.sender.get().is_some()
    }

    /// Takes a payment, unless that has been done.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn pay(&self, paying: &Paying) -> Result<SandboxPayment, sqlx::Error> {
        let paid = self.books.pay(paying).await;
        self.woken.notify_one();
        paid
    }

    /// Sends money back, unless that has been done.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn give_back(&self, returning: &Returning) -> Result<Returned, sqlx::Error> {
        let returned = self.books.give_back(returning).await;
        self.woken.notify_one();
        returned
    }

    /// Opens the one dispute that a captured payment can have; `None` where it cannot.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn dispute(&self, payment_id: &str) -> Result<Option<SandboxDispute>, sqlx::Error> {
        let dispute = self.books.dispute(payment_id, &self.keys.dispute_id(payment_id)).await;
        self.woken.notify_one();
        dispute
    }

    /// Decides a payment's dispute; `None` where none is open.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub async fn decide(
        &self,
        payment_id: &str,
        won: bool,
    ) -> Result<Option<SandboxDispute>, sqlx::Error> {
        let dispute = self.books.decide(payment_id, won).await;
        self.woken.notify_one();
        dispute
    }
}

/// A refusal in the processor's words.
fn refused(text: &str) -> Unanswered {
    Unanswered::Refused { status: 400, text: text.to_owned() }
}

/// Books that could not be reached: they may have been written to all the same.
fn unknown(error: sqlx::Error) -> Unanswered {
    tracing::warn!(%error, "the sandbox's books cannot be reached");
    Unanswered::Unknown
}

/// What an extract of the books amounts to, made of the very messages.
fn news(extract: &Extract) -> Vec<News> {
    let of = |payment_id: &str| extract.payments.iter().find(|it| it.payment_id == payment_id);
    let mut said = Vec::new();
    for payment in &extract.payments {
        // The second message about a captured payment says the same.
        said.extend(messages::of_payment(payment, payment.created_at).into_iter().next());
    }
    for refund in &extract.refunds {
        let told = messages::of_refund(refund, of(&refund.payment_id), refund.created_at);
        said.extend(told.into_iter().next_back());
    }
    for dispute in &extract.disputes {
        said.push(messages::of_dispute(dispute, of(&dispute.payment_id), dispute.created_at));
    }
    said.iter().filter_map(|said| said.news().ok()).collect()
}

#[async_trait]
impl Processor for Sandbox {
    fn name(&self) -> &'static str {
        NAME
    }

    fn public_key(&self) -> &str {
        NAME
    }

    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered> {
        let processor_order_id = self.keys.order_id(checkout.order_id, checkout.amount);
        Ok(Started { processor_order_id, url: None })
    }

    async fn started(&self, _: OrderId, _: Money) -> Result<Option<Started>, Unanswered> {
        Ok(None)
    }

    fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool {
        self.keys.confirms(processor_order_id, payment_id, signature)
    }

    async fn capture(&self, payment_id: &str, amount: Money) -> Result<(), Unanswered> {
        let payment = self.books.payment(payment_id).await.map_err(unknown)?;
        let payment = payment.ok_or_else(|| refused("The id provided does not exist"))?;
        if money(payment.amount, &payment.currency) != Ok(amount) {
            return Err(refused("Capture amount must be equal to the amount authorized"));
        }
        let captured = self.books.capture(payment_id).await.map_err(unknown)?;
        self.woken.notify_one();
        match captured {
            Some(payment) if payment.is_captured() => Ok(()),
            _ => Err(refused("Only payments which have been authorized can be captured")),
        }
    }

    async fn refund(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered> {
        let Refunding { refund_id, processor_payment_id, amount, .. } = refunding;
        let minor =
            i64::try_from(amount.minor()).map_err(|_| refused("The amount is too large"))?;
        let returning = Returning {
            refund_id: self.keys.refund_id(*refund_id),
            payment_id: processor_payment_id.clone(),
            receipt: Some(refund_id.to_string()),
            currency: amount.currency().as_str().to_owned(),
            amount: Some(minor),
        };
        match self.give_back(&returning).await.map_err(unknown)? {
            Returned::Done(refund) => {
                Ok(RefundAnswer::Settled(RefundOutcome::Processed(refund.refund_id)))
            }
            Returned::Exceeds { left: _ } => {
                Err(refused("The refund amount provided is greater than amount captured."))
            }
        }
    }

    fn recognises(&self, message: &Message<'_>) -> Result<Option<String>, NotTheirs> {
        let signature = message.header("x-razorpay-signature").ok_or(NotTheirs::Unsigned)?;
        if !self.keys.recognises(message.body, signature) {
            return Err(NotTheirs::WrongSignature);
        }
        Ok(message.header("x-razorpay-event-id").map(str::to_owned))
    }

    async fn news_of(&self, processor_order_id: &str) -> Result<Vec<News>, Unanswered> {
        self.books.of_order(processor_order_id).await.map(|it| news(&it)).map_err(unknown)
    }

    /// Its books are kept in real time, whatever the ledger's clock says.
    async fn news_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<News>, Unanswered> {
        self.books.between(from.utc(), to.utc()).await.map(|it| news(&it)).map_err(unknown)
    }
}
