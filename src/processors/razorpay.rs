//! Razorpay: its orders, signatures, refunds and webhooks.

mod amount;
pub mod api;
pub mod entity;
pub mod webhook;

use async_trait::async_trait;
use daybook_events::{Money, Timestamp, commands::RefundOutcome, event::BookKind, ids::OrderId};

use self::{
    api::{Api, List},
    entity::{DisputeEntity, PaymentEntity, RefundEntity},
};
use super::{
    Checkout, Message, NotTheirs, Processor, RefundAnswer, Refunding, Started, Unanswered,
    news::{News, RefundState, Unreadable},
    settings::{SettingsError, Source},
};
use crate::signing::{self, Secret};

/// The name that events carry.
pub const NAME: &str = "razorpay";

/// Where Razorpay is, unless somebody says otherwise.
const BASE_URL: &str = "https://api.razorpay.com/v1";

/// What Razorpay is reached by. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Settings {
    /// The public key, which clients' SDKs need.
    pub key_id: String,
    /// The secret key: it signs checkouts.
    pub key_secret: String,
    /// The secrets of its webhooks; without one, none is taken.
    pub webhook_secrets: Vec<Secret>,
    /// The API's address.
    pub base_url: String,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { key_id, base_url, key_secret: _, webhook_secrets: _ } = self;
        f.debug_struct("Settings")
            .field("key_id", key_id)
            .field("base_url", base_url)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// As a source has them; `None` where nobody has set Razorpay up.
    ///
    /// # Errors
    /// Half of them.
    pub fn read(source: &Source<'_>) -> Result<Option<Self>, SettingsError> {
        let Some(key_id) = source.secret("RAZORPAY_KEY_ID")? else {
            // A secret alone is a mistake, and no Razorpay without a word would be another.
            return match source.secret("RAZORPAY_KEY_SECRET")? {
                None => Ok(None),
                Some(_) => {
                    let (present, missing) = ("RAZORPAY_KEY_SECRET", "RAZORPAY_KEY_ID");
                    Err(SettingsError::Missing { present, missing })
                }
            };
        };
        Ok(Some(Self {
            key_id,
            key_secret: source.needed("RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET")?,
            webhook_secrets: source.secrets("RAZORPAY_WEBHOOK_SECRET")?,
            base_url: source.get("RAZORPAY_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned()),
        }))
    }
}

impl Settings {
    /// Whether the key is for a book of a kind, where its name says so.
    #[must_use]
    pub fn is_for(&self, kind: BookKind) -> Option<bool> {
        let of = [("rzp_test_", BookKind::Sandbox), ("rzp_live_", BookKind::Live)];
        let of = of.into_iter().find(|(prefix, _)| self.key_id.starts_with(prefix));
        of.map(|(_, of)| of == kind)
    }
}

/// Razorpay.
#[derive(Debug, Clone)]
pub struct Razorpay {
    settings: Settings,
    api: Api,
}

impl Razorpay {
    /// Razorpay by its settings.
    ///
    /// # Errors
    /// Credentials that no header can carry, a machine without sockets.
    pub fn new(settings: Settings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let api = Api::new(&settings)?;
        Ok(Self { settings, api })
    }
}

#[async_trait]
impl Processor for Razorpay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn public_key(&self) -> &str {
        &self.settings.key_id
    }

    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered> {
        let Checkout { order_id, amount, asked_before, .. } = checkout;
        let processor_order_id = self.api.order(*order_id, *amount, *asked_before).await?;
        Ok(Started { processor_order_id, url: None })
    }

    async fn started(&self, order: OrderId, amount: Money) -> Result<Option<Started>, Unanswered> {
        let found = self.api.order_of_receipt(order, amount).await?;
        Ok(found.map(|processor_order_id| Started { processor_order_id, url: None }))
    }

    fn confirms(&self, processor_order_id: &str, payment_id: &str, signature: &str) -> bool {
        let secret = [Secret::new(self.settings.key_secret.as_bytes())];
        let signed = format!("{processor_order_id}|{payment_id}");
        signing::verifies_hex(&secret, signed.as_bytes(), signature)
    }

    async fn capture(&self, payment_id: &str, amount: Money) -> Result<(), Unanswered> {
        self.api.capture(payment_id, amount).await
    }

    async fn refund(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered> {
        let Refunding { refund_id, processor_payment_id, amount, .. } = refunding;
        let answer = self.api.refund(*refund_id, processor_payment_id, *amount).await?;
        Ok(match answer.state() {
            RefundState::Processed => RefundAnswer::Settled(RefundOutcome::Processed(answer.id)),
            RefundState::Failed => {
                let reason = format!("Razorpay could not send the refund {}", answer.id);
                let processor_refund_id = answer.id;
                RefundAnswer::Settled(RefundOutcome::FailedAs { processor_refund_id, reason })
            }
            RefundState::Pending => RefundAnswer::Pending,
        })
    }

    fn recognises(&self, message: &Message<'_>) -> Result<Option<String>, NotTheirs> {
        let secrets = &self.settings.webhook_secrets;
        if secrets.is_empty() {
            return Err(NotTheirs::NoSecret);
        }
        let signature = message.header("x-razorpay-signature").ok_or(NotTheirs::Unsigned)?;
        if !signing::verifies_hex(secrets, message.body, signature) {
            return Err(NotTheirs::WrongSignature);
        }
        Ok(message.header("x-razorpay-event-id").map(str::to_owned))
    }

    async fn news_of(&self, processor_order_id: &str) -> Result<Vec<News>, Unanswered> {
        let payments = self.api.payments_of(processor_order_id).await?;
        let mut refunds = Vec::new();
        for payment in payments.iter().filter(|it| it.amount_refunded.is_some_and(|it| it > 0)) {
            refunds.extend(self.api.refunds_of(&payment.id).await?);
        }
        let mut news = told(&payments, PaymentEntity::news);
        news.extend(told(&refunds, RefundEntity::news));
        Ok(news)
    }

    /// By when payments, refunds and disputes were *made*: a payment that was authorised late, or
    /// a dispute that was decided since, is met by a time that reaches back far enough.
    async fn news_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<News>, Unanswered> {
        let payments = self.api.between(List::Payments, from, to).await?;
        let refunds = self.api.between(List::Refunds, from, to).await?;
        let mut news = told(&payments, PaymentEntity::news);
        news.extend(told(&refunds, RefundEntity::news));
        match self.api.between(List::Disputes, from, to).await {
            Ok(disputes) => news.extend(told(&disputes, DisputeEntity::news)),
            // Not every account may list them; their webhooks come all the same.
            Err(Unanswered::Refused { status, text }) => {
                tracing::warn!(status, text, "Razorpay lists no disputes");
            }
            Err(error) => return Err(error),
        }
        Ok(news)
    }
}

/// What entities amount to; one that cannot be believed does not hide the others.
fn told<T: std::fmt::Debug>(entities: &[T], news: fn(&T) -> Result<News, Unreadable>) -> Vec<News> {
    let told = entities.iter().filter_map(|entity| {
        news(entity).inspect_err(|error| tracing::warn!(%error, ?entity, "not believed")).ok()
    });
    told.filter(|news| *news != News::Nothing).collect()
}
