//! Razorpay's API, as far as Daybook asks it.
//!
//! Orders have no idempotency: our order's id is the `receipt`, and after an unknown outcome the
//! orders of that receipt are looked at before another is made. Refunds have it, by a header; keys
//! may be forgotten one day, so a refund of ours is looked for by its receipt as well.

use data_encoding::BASE64;
use daybook_events::{
    Money, Timestamp,
    ids::{OrderId, RefundId},
};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Settings,
    amount::minor,
    entity::{PaymentEntity, RefundEntity},
};
use crate::processors::client::{Client, Question, Unanswered};

/// How many entries a page of a list has at most.
const PAGE: usize = 100;
/// How many pages of a list are read for one question.
const PAGES: usize = 200;

/// Razorpay's API.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
}

/// Lists that a time narrows down.
#[derive(Debug, Clone, Copy)]
pub enum List {
    /// Every payment.
    Payments,
    /// Every refund.
    Refunds,
    /// Every dispute.
    Disputes,
}

impl List {
    fn path(self) -> &'static str {
        match self {
            Self::Payments => "/payments",
            Self::Refunds => "/refunds",
            Self::Disputes => "/disputes",
        }
    }
}

#[derive(Debug, Deserialize)]
struct OrderAnswer {
    id: String,
    amount: i64,
    currency: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    created_at: i64,
}

#[derive(Deserialize)]
struct Items {
    items: Vec<Value>,
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
        Ok(Self { client: Client::new(base_url, headers)?.reading_refusals(reason) })
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
        // The last try may have made it, too.
        self.order_of_receipt(order, amount).await?.ok_or(Unanswered::Unknown)
    }

    async fn make_order(&self, order: OrderId, amount: Money) -> Result<String, Unanswered> {
        let body = json!({
            "amount": minor(amount)?,
            "currency": amount.currency(),
            "receipt": order,
            "notes": { "order": order },
        });
        let made: OrderAnswer = shaped(self.client.ask(&Question::post("/orders", body)).await?)?;
        Ok(made.id)
    }

    /// The order that was made under a receipt, for this very amount. Should there be several, it
    /// is the one that was paid, else the oldest: everybody who looks finds the same.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn order_of_receipt(
        &self,
        order: OrderId,
        amount: Money,
    ) -> Result<Option<String>, Unanswered> {
        let amount_minor = minor(amount)?;
        let query = vec![("receipt", order.to_string()), ("count", PAGE.to_string())];
        let found: Vec<OrderAnswer> = self.items("/orders", query).await?;
        let same = |it: &OrderAnswer| {
            it.amount == amount_minor && it.currency == amount.currency().as_str()
        };
        let found = found.into_iter().filter(same);
        let first = found.min_by_key(|it| (it.status != "paid", it.created_at, it.id.clone()));
        Ok(first.map(|it| it.id))
    }

    /// Captures an authorised payment.
    ///
    /// # Errors
    /// Why it is not known to be captured.
    pub async fn capture(&self, payment: &str, amount: Money) -> Result<(), Unanswered> {
        let body = json!({ "amount": minor(amount)?, "currency": amount.currency() });
        let mut question = Question::post(format!("/payments/{}/capture", known(payment)?), body);
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
    pub async fn payment(&self, payment: &str) -> Result<PaymentEntity, Unanswered> {
        let question = Question::get(format!("/payments/{}", known(payment)?));
        shaped(self.client.ask(&question).await?)
    }

    /// The payments of an order.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn payments_of(&self, order: &str) -> Result<Vec<PaymentEntity>, Unanswered> {
        self.items(&format!("/orders/{}/payments", known(order)?), Vec::new()).await
    }

    /// The refunds of a payment.
    ///
    /// # Errors
    /// Why they are not known.
    pub async fn refunds_of(&self, payment: &str) -> Result<Vec<RefundEntity>, Unanswered> {
        self.pages(&format!("/payments/{}/refunds", known(payment)?), &[]).await
    }

    /// What a list has of a time, by when its entries were made.
    ///
    /// # Errors
    /// Why it is not known; a time of which there is too much.
    pub async fn between<T: DeserializeOwned>(
        &self,
        list: List,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<T>, Unanswered> {
        // Razorpay counts whole seconds: none is left out at either end.
        let span = [("from", from.seconds()), ("to", to.plus_seconds(1).seconds())];
        self.pages(list.path(), &span).await
    }

    /// Sends money back, once: our refund's id is the idempotency key, and the body is the same
    /// every time.
    ///
    /// # Errors
    /// Why it is not known to be sent; after [`Unanswered::Unknown`] asking again is safe. Only
    /// what Razorpay says of this very refund is a refusal.
    pub async fn refund(
        &self,
        refund: RefundId,
        payment: &str,
        amount: Money,
    ) -> Result<RefundEntity, Unanswered> {
        let body = json!({
            "amount": minor(amount)?,
            "speed": "normal",
            "receipt": refund,
            "notes": { "refund": refund },
        });
        if let Some(sent) = self.refund_of_receipt(refund, payment).await? {
            return Ok(sent);
        }
        let mut question = Question::post(format!("/payments/{}/refund", known(payment)?), body);
        question.repeatable = true;
        let key = refund.to_string().parse().map_err(|_| Unanswered::Unreachable)?;
        question.headers.insert("x-refund-idempotency", key);
        match self.client.ask(&question).await.map_err(of_the_refund) {
            // Whatever it says no to may be what an earlier try did: that one is looked for.
            Err(refused @ Unanswered::Refused { .. }) => {
                self.refund_of_receipt(refund, payment).await?.ok_or(refused)
            }
            answer => shaped(answer?),
        }
    }

    async fn refund_of_receipt(
        &self,
        refund: RefundId,
        payment: &str,
    ) -> Result<Option<RefundEntity>, Unanswered> {
        let (receipt, refunds) = (refund.to_string(), self.refunds_of(payment).await);
        // A look that is refused says nothing of the refund.
        let mut refunds = refunds.map_err(|_| Unanswered::Unknown)?.into_iter();
        Ok(refunds.find(|it| it.receipt.as_ref() == Some(&receipt)))
    }

    /// Every page of a list.
    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        narrowed: &[(&'static str, i64)],
    ) -> Result<Vec<T>, Unanswered> {
        let mut all = Vec::new();
        for page in 0..PAGES {
            let narrowed = narrowed.iter().map(|(name, value)| (*name, value.to_string()));
            let mut query: Vec<_> = narrowed.collect();
            query.push(("count", PAGE.to_string()));
            query.push(("skip", (page * PAGE).to_string()));
            let values = self.values(path, query).await?;
            let is_last = values.len() < PAGE;
            all.extend(readable(path, values));
            if is_last {
                return Ok(all);
            }
        }
        let text = format!("more than {} entries: ask for a shorter time", PAGES * PAGE);
        Err(Unanswered::Refused { status: 413, text })
    }

    async fn items<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Vec<T>, Unanswered> {
        Ok(readable(path, self.values(path, query).await?).collect())
    }

    async fn values(
        &self,
        path: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Vec<Value>, Unanswered> {
        let mut question = Question::get(path);
        question.query = query;
        let Items { items } = shaped(self.client.ask(&question).await?)?;
        Ok(items)
    }
}

/// The reason in a refusal, in Razorpay's words.
fn reason(text: &str) -> Option<String> {
    let refusal: Value = serde_json::from_str(text).ok()?;
    refusal["error"]["description"].as_str().map(str::to_owned)
}

/// An answer of a shape; one of another shape leaves open what was done.
fn shaped<T: DeserializeOwned>(answer: Value) -> Result<T, Unanswered> {
    serde_json::from_value(answer).map_err(|_| Unanswered::Unknown)
}

/// The entries of a list that can be read: one that cannot does not hide the others.
fn readable<T: DeserializeOwned>(path: &str, values: Vec<Value>) -> impl Iterator<Item = T> {
    values.into_iter().filter_map(move |value| {
        let id = value["id"].as_str().unwrap_or_default().to_owned();
        let read = serde_json::from_value(value);
        read.inspect_err(|error| tracing::warn!(path, id, %error, "an entry cannot be read")).ok()
    })
}

/// An id of Razorpay's as part of a path; whatever is none leads nowhere.
fn known(id: &str) -> Result<&str, Unanswered> {
    let own = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !id.is_empty() && id.len() <= 200 && id.bytes().all(own) {
        return Ok(id);
    }
    let text = "that is no id of Razorpay's".to_owned();
    Err(Unanswered::Refused { status: 400, text })
}

/// What a refusal says of a refund. Only 400 is about the refund; 409 says that another question
/// about it is under way, and a key that is not taken says nothing of it.
fn of_the_refund(error: Unanswered) -> Unanswered {
    match error {
        Unanswered::Refused { status, text } if status != 400 => {
            tracing::warn!(status, text, "Razorpay has not decided about a refund");
            Unanswered::Unknown
        }
        other => other,
    }
}
