//! Razorpay's API, as far as Daybook asks it.
//!
//! Orders have no idempotency: our order's id is the `receipt`, and after an unknown outcome the
//! orders of that receipt are looked at before another is made. Refunds have it, by a header.

use data_encoding::BASE64;
use daybook_events::{
    Money,
    ids::{OrderId, RefundId},
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Settings;
use crate::processors::client::{Client, Question, Unanswered};

/// Razorpay's API.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

/// A refund as Razorpay answers it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefundAnswer {
    /// Razorpay's id of it.
    pub id: String,
    /// `pending`, `processed` or `failed`.
    pub status: String,
}

/// A payment as Razorpay lists it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PaymentAnswer {
    /// Razorpay's id of it.
    pub id: String,
    /// `created`, `authorized`, `captured`, `refunded` or `failed`.
    pub status: String,
    /// In minor units.
    pub amount: i64,
    /// Its ISO 4217 code.
    pub currency: String,
}

#[derive(Deserialize)]
struct OrderAnswer {
    id: String,
    amount: i64,
    currency: String,
}

#[derive(Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

impl Api {
    /// The API by its settings.
    ///
    /// # Errors
    /// Credentials that no header can carry, a machine without sockets.
    pub fn new(settings: &Settings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let Settings { key_id, key_secret, base_url, webhook_secrets: _ } = settings;
        // The scheme's word is taken in this spelling only.
        let basic = format!("Basic {}", BASE64.encode(format!("{key_id}:{key_secret}").as_bytes()));
        let mut basic = HeaderValue::try_from(basic)?;
        basic.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, basic);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { client: Client::new(base_url, headers)? })
    }

    /// Razorpay's order for one of ours: made once, whatever happens on the way. `asked_before`
    /// says that an earlier try may have made it already.
    ///
    /// # Errors
    /// Why there is none; after [`Unanswered::Unknown`] there may be one.
    pub async fn order(
        &self,
        order: OrderId,
        amount: Money,
        asked_before: bool,
    ) -> Result<String, Unanswered> {
        let mut look_first = asked_before;
        for _ in 0..3 {
            if look_first && let Some(id) = self.order_of_receipt(order, amount).await? {
                return Ok(id);
            }
            match self.make_order(order, amount).await {
                Err(Unanswered::Unknown) => look_first = true,
                made => return made,
            }
        }
        Err(Unanswered::Unknown)
    }

    async fn make_order(&self, order: OrderId, amount: Money) -> Result<String, Unanswered> {
        let body = json!({
            "amount": minor(amount),
            "currency": amount.currency(),
            "receipt": order,
            "notes": { "order": order },
        });
        let made: OrderAnswer = shaped(self.client.ask(&Question::post("/orders", body)).await?)?;
        Ok(made.id)
    }

    /// The order that was made under a receipt, for this very amount.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn order_of_receipt(
        &self,
        order: OrderId,
        amount: Money,
    ) -> Result<Option<String>, Unanswered> {
        let mut question = Question::get("/orders");
        question.query = vec![("receipt", order.to_string()), ("count", "10".to_owned())];
        let found: Items<OrderAnswer> = shaped(self.client.ask(&question).await?)?;
        let same = |it: &OrderAnswer| {
            it.amount == minor(amount) && it.currency == amount.currency().as_str()
        };
        Ok(found.items.into_iter().find(same).map(|it| it.id))
    }

    /// Captures an authorised payment.
    ///
    /// # Errors
    /// Why it is not known to be captured.
    pub async fn capture(&self, payment: &str, amount: Money) -> Result<(), Unanswered> {
        let body = json!({ "amount": minor(amount), "currency": amount.currency() });
        let mut question = Question::post(format!("/payments/{payment}/capture"), body);
        // Capturing twice is refused, never done twice.
        question.repeatable = true;
        match self.client.ask(&question).await {
            Err(refused @ Unanswered::Refused { .. }) => {
                match self.payment(payment).await?.status.as_str() {
                    "captured" | "refunded" => Ok(()),
                    _not_captured => Err(refused),
                }
            }
            other => other.map(drop),
        }
    }

    /// A payment as it is now.
    ///
    /// # Errors
    /// Why it is not known.
    pub async fn payment(&self, payment: &str) -> Result<PaymentAnswer, Unanswered> {
        shaped(self.client.ask(&Question::get(format!("/payments/{payment}"))).await?)
    }

    /// The payments of an order.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn payments_of(&self, order: &str) -> Result<Vec<PaymentAnswer>, Unanswered> {
        let question = Question::get(format!("/orders/{order}/payments"));
        let found: Items<PaymentAnswer> = shaped(self.client.ask(&question).await?)?;
        Ok(found.items)
    }

    /// Sends money back, once: our refund's id is the idempotency key, and the body is the same
    /// every time.
    ///
    /// # Errors
    /// Why it is not known to be sent; after [`Unanswered::Unknown`] asking again is safe.
    pub async fn refund(
        &self,
        refund: RefundId,
        payment: &str,
        amount: Money,
    ) -> Result<RefundAnswer, Unanswered> {
        let body = json!({
            "amount": minor(amount),
            "speed": "normal",
            "receipt": refund,
            "notes": { "refund": refund },
        });
        let mut question = Question::post(format!("/payments/{payment}/refund"), body);
        question.repeatable = true;
        let key = refund.to_string().parse().map_err(|_| Unanswered::Unreachable)?;
        question.headers.insert("x-refund-idempotency", key);
        shaped(self.client.ask(&question).await?)
    }
}

/// An answer of a shape; one of another shape leaves open what was done.
fn shaped<T: serde::de::DeserializeOwned>(answer: Value) -> Result<T, Unanswered> {
    serde_json::from_value(answer).map_err(|_| Unanswered::Unknown)
}

/// In minor units, as Razorpay wants every sum.
fn minor(amount: Money) -> i64 {
    i64::try_from(amount.minor()).unwrap_or(i64::MAX)
}
