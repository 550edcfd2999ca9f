//! Lemon Squeezy: its checkouts, subscriptions, refunds and webhooks. It is the merchant: the tax
//! that it takes is its own to pay, and the invoice with the tax is its own too.
//!
//! A payment's id is the path of its charge in the API: `orders/1` for a purchase,
//! `subscription-invoices/1` for what it bills a subscription later.

pub mod api;
pub mod gross;
pub mod objects;
pub mod variants;
pub mod webhook;

use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;
use daybook_events::{
    Currency, Money, Timestamp, commands::RefundOutcome, event::HeldPlan, ids::OrderId,
    money::MoneyError, period::Cycle,
};
use serde_json::json;
use tokio::sync::Mutex;

use self::{
    api::Api,
    gross::same_share,
    objects::{Charge, INVOICES, ORDERS, Object, SUBSCRIPTIONS},
    variants::Variants,
};
use super::{
    Checkout, Message, NotTheirs, Processor, RefundAnswer, Refunding, Started, Unanswered,
    news::{News, Ordered, Subscription, Unreadable},
    settings::{SettingsError, Source},
};
use crate::signing::{self, Secret};

/// The name that events carry.
pub const NAME: &str = "lemonsqueezy";

/// The name under which it sells.
const MERCHANT: &str = "Lemon Squeezy";

/// Where Lemon Squeezy is, unless somebody says otherwise.
const BASE_URL: &str = "https://api.lemonsqueezy.com/v1";

/// How many pages of a list are read at most: three times what Lemon Squeezy answers in a minute.
const PAGES: u32 = 1000;

/// What Lemon Squeezy is reached by. Printing it for debugging shows no secret.
#[derive(Clone)]
pub struct Settings {
    /// The API key, of test or live mode.
    pub api_key: String,
    /// The store that sells.
    pub store_id: String,
    /// The secrets of its webhooks; without one, none is taken.
    pub signing_secrets: Vec<Secret>,
    /// The API's address.
    pub base_url: String,
    /// The store's currency: prices are sent without one.
    pub currency: Currency,
    /// Which variant sells which plan; without one, a plan is not sold there.
    pub variants: Variants,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { store_id, base_url, currency, variants, api_key: _, signing_secrets: _ } = self;
        f.debug_struct("Settings")
            .field("store_id", store_id)
            .field("base_url", base_url)
            .field("currency", currency)
            .field("variants", variants)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// As a source has them; `None` where nobody has set Lemon Squeezy up.
    ///
    /// # Errors
    /// Half of them, or a list of variants that is none.
    pub fn read(source: &Source<'_>) -> Result<Option<Self>, SettingsError> {
        const VARIANTS: &str = "LEMONSQUEEZY_VARIANTS";
        const CURRENCY: &str = "LEMONSQUEEZY_CURRENCY";
        let Some(api_key) = source.secret("LEMONSQUEEZY_API_KEY")? else { return Ok(None) };
        let currency = match source.get(CURRENCY) {
            None => Currency::USD,
            Some(code) => code.parse().map_err(|error: MoneyError| SettingsError::Value {
                name: CURRENCY,
                problem: error.to_string(),
            })?,
        };
        let variants = Variants::parse(&source.get(VARIANTS).unwrap_or_default());
        Ok(Some(Self {
            api_key,
            store_id: source.needed("LEMONSQUEEZY_API_KEY", "LEMONSQUEEZY_STORE_ID")?,
            signing_secrets: source.secrets("LEMONSQUEEZY_SIGNING_SECRET")?,
            base_url: source.get("LEMONSQUEEZY_BASE_URL").unwrap_or_else(|| BASE_URL.to_owned()),
            currency,
            variants: variants
                .map_err(|problem| SettingsError::Value { name: VARIANTS, problem })?,
        }))
    }
}

/// Lemon Squeezy.
#[derive(Debug)]
pub struct LemonSqueezy {
    settings: Settings,
    api: Api,
    // One refund of a payment at a time: each looks first, and between the look and the refund
    // no other may come.
    turns: [Mutex<()>; 16],
}

impl LemonSqueezy {
    /// Lemon Squeezy by its settings.
    ///
    /// # Errors
    /// Credentials that no header can carry, a machine without sockets.
    pub fn new(settings: Settings) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let api = Api::new(&settings)?;
        Ok(Self { settings, api, turns: Default::default() })
    }

    fn variant(&self, plan: &HeldPlan) -> Result<u64, Unanswered> {
        self.settings.variants.of(plan).ok_or_else(|| {
            let (slug, cycle) = (&plan.slug, plan.cycle);
            refused(&format!(
                "no variant of Lemon Squeezy sells {slug}/{cycle}: add it to LEMONSQUEEZY_VARIANTS"
            ))
        })
    }

    fn turn(&self, payment: &str) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        payment.hash(&mut hasher);
        let turns = self.turns.len() as u64;
        let index = usize::try_from(hasher.finish() % turns).unwrap_or(0);
        &self.turns[index]
    }

    /// A charge as it is now.
    async fn charge(&self, path: &str) -> Result<Charge, Unanswered> {
        self.api.object(path).await?.read().map_err(|_| Unanswered::Unknown)
    }

    /// Brings what has gone back of a payment to where it has to be: what is missing is sent at
    /// most once. A refusal counts only if it is not there already, and so does silence.
    async fn bring_back(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered> {
        let path = &refunding.processor_payment_id;
        // What is not found says nothing of the refund.
        let before = self.charge(path).await.map_err(|error| match error {
            Unanswered::Refused { .. } => Unanswered::Unknown,
            other => other,
        })?;
        let target = target(refunding, &before)?;
        let done = || {
            // Lemon Squeezy has no id of a refund; the sum that it brought the payment to is its
            // own, since every refund brings it further.
            let id = format!("{path}#{}", target.minor());
            Ok(RefundAnswer::Settled(RefundOutcome::Processed(id)))
        };
        let missing = target.minor() - known(before.refunded())?.minor();
        if missing <= 0 {
            return done();
        }
        let missing = i64::try_from(missing).map_err(|_| refused("the refund is too large"))?;
        let (after, said) = match self.api.refund(path, missing).await {
            Ok(after) => (after, None),
            Err(said @ (Unanswered::Busy | Unanswered::Unreachable)) => return Err(said),
            Err(said @ (Unanswered::Refused { .. } | Unanswered::Unknown)) => {
                (self.charge(path).await.map_err(|_| Unanswered::Unknown)?, Some(said))
            }
        };
        match said {
            _ if known(after.refunded())?.minor() >= target.minor() => done(),
            // It was taken, and shows later: its message will come.
            None => Ok(RefundAnswer::Pending),
            // Not sent again at once: it may be on its way, and a look cannot see that.
            Some(said) => Err(said),
        }
    }

    /// The store's charges of a kind within a time, the newest first.
    async fn charges(
        &self,
        kind: &str,
        from: Timestamp,
        to: Timestamp,
        news: &mut Vec<News>,
    ) -> Result<(), Unanswered> {
        for number in 1..=PAGES {
            let listed = self.api.page(kind, number).await?;
            for object in &listed.objects {
                let Some(charge) = readable(object, object.read::<Charge>()) else { continue };
                match charge.at() {
                    Some(at) if at < from => return Ok(()),
                    Some(at) if at >= to => {}
                    Some(_) | None => {
                        // The list does not give back what the checkout was given.
                        let told = [
                            charge.taken(object, Ordered::Unnamed),
                            charge.gone_back(object, Ordered::Unnamed),
                        ];
                        news.extend(told.into_iter().filter_map(|told| readable(object, told)));
                    }
                }
            }
            if !listed.more {
                return Ok(());
            }
        }
        Err(Unanswered::Unknown)
    }

    /// The store's subscriptions that changed since an instant.
    async fn subscriptions(&self, from: Timestamp, news: &mut Vec<News>) -> Result<(), Unanswered> {
        for number in 1..=PAGES {
            let listed = self.api.page(SUBSCRIPTIONS, number).await?;
            for object in &listed.objects {
                let stands = objects::subscription(object, Ordered::Unnamed);
                let Some(stands) = readable(object, stands) else { continue };
                if stands.updated_at.is_none_or(|at| at >= from) {
                    news.push(News::Subscription(stands));
                }
            }
            if !listed.more {
                return Ok(());
            }
        }
        Err(Unanswered::Unknown)
    }
}

#[async_trait]
impl Processor for LemonSqueezy {
    fn name(&self) -> &'static str {
        NAME
    }

    fn merchant(&self) -> Option<&'static str> {
        Some(MERCHANT)
    }

    async fn start(&self, checkout: &Checkout) -> Result<Started, Unanswered> {
        let (store, order) = (self.settings.currency, checkout.amount.currency());
        if store != order {
            return Err(refused(&format!(
                "the store sells in {store}, and the order is in {order}"
            )));
        }
        let variant = self.variant(&checkout.plan)?;
        let made = self.api.checkout(checkout, variant).await?;
        let url = made.attributes["url"].as_str().filter(|url| !url.is_empty());
        let url = url.ok_or(Unanswered::Unknown)?.to_owned();
        Ok(Started { processor_order_id: made.id, url: Some(url) })
    }

    /// Nothing: checkouts cannot be looked up by what they were given, and asking again is safe.
    async fn started(&self, _: OrderId, _: Money) -> Result<Option<Started>, Unanswered> {
        Ok(None)
    }

    /// Never: customers bring nothing back that is signed; the webhook says that they have paid.
    fn confirms(&self, _: &str, _: &str, _: &str) -> bool {
        false
    }

    async fn capture(&self, _: &str, _: Money) -> Result<(), Unanswered> {
        Err(refused("Lemon Squeezy takes payments at once: there is nothing to capture"))
    }

    async fn refund(&self, refunding: &Refunding) -> Result<RefundAnswer, Unanswered> {
        let path = &refunding.processor_payment_id;
        if !is_path(path) {
            return Err(refused(&format!("`{path}` is no payment of Lemon Squeezy")));
        }
        let _turn = self.turn(path).lock().await;
        self.bring_back(refunding).await
    }

    fn recognises(&self, message: &Message<'_>) -> Result<Option<String>, NotTheirs> {
        let secrets = &self.settings.signing_secrets;
        if secrets.is_empty() {
            return Err(NotTheirs::NoSecret);
        }
        let signature = message.header("x-signature").ok_or(NotTheirs::Unsigned)?;
        if !signing::verifies_hex(secrets, message.body, signature) {
            return Err(NotTheirs::WrongSignature);
        }
        Ok(webhook::id_of(message.body))
    }

    /// Nothing: orders cannot be listed by the checkout that they came from.
    async fn news_of(&self, _: &str) -> Result<Vec<News>, Unanswered> {
        Ok(Vec::new())
    }

    /// Orders and invoices that were made within the time, with what went back of them by now, and
    /// subscriptions that changed since its start. A listed order does not say which of ours it is:
    /// it is known by its id if its message came, or by the subscription that began with it.
    async fn news_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<News>, Unanswered> {
        let mut news = Vec::new();
        for kind in [ORDERS, INVOICES] {
            self.charges(kind, from, to, &mut news).await?;
        }
        self.subscriptions(from, &mut news).await?;
        news.retain(|told| *told != News::Nothing);
        Ok(news)
    }

    fn plan_of(&self, variant: &str) -> Option<(String, Cycle)> {
        let (slug, cycle) = self.settings.variants.plan_of(variant)?;
        Some((slug.to_owned(), cycle))
    }

    async fn change_plan(&self, subscription: &str, to: &HeldPlan) -> Result<(), Unanswered> {
        let variant = self.variant(to)?;
        let id = numbered(subscription)?;
        // Its default proration: what the change costs is on the next invoice.
        let after = stands(&self.api.set(id, json!({ "variant_id": variant })).await?)?;
        if after.variant_id == variant.to_string() {
            return Ok(());
        }
        Err(refused(
            "Lemon Squeezy left the plan as it is, as it does where PayPal pays: the customer changes it in Lemon Squeezy's customer portal",
        ))
    }

    async fn cancel(&self, subscription: &str) -> Result<(), Unanswered> {
        let after = stands(&self.api.cancel(numbered(subscription)?).await?)?;
        if after.cancelled || after.status == "expired" {
            return Ok(());
        }
        Err(refused("Lemon Squeezy did not cancel the subscription"))
    }

    async fn resume(&self, subscription: &str) -> Result<(), Unanswered> {
        let id = numbered(subscription)?;
        let after = stands(&self.api.set(id, json!({ "cancelled": false })).await?)?;
        if !after.cancelled && after.status != "expired" {
            return Ok(());
        }
        Err(refused("Lemon Squeezy did not resume the subscription"))
    }

    async fn subscription(&self, subscription: &str) -> Result<News, Unanswered> {
        let path = format!("{SUBSCRIPTIONS}/{}", numbered(subscription)?);
        stands(&self.api.object(&path).await?).map(News::Subscription)
    }
}

/// Where a refund brings the sum of what has gone back, as Lemon Squeezy counts: never the part by
/// itself, so that the parts of a payment sum to exactly the whole.
fn target(refunding: &Refunding, charge: &Charge) -> Result<Money, Unanswered> {
    let total = known(charge.total())?;
    let Refunding { total_after, captured, .. } = refunding;
    if total.currency() != captured.currency() {
        let (theirs, ours) = (total.currency(), captured.currency());
        return Err(refused(&format!("the payment is in {theirs}, the ledger has it in {ours}")));
    }
    same_share(*total_after, *captured, total).map_err(|error| refused(&error.to_string()))
}

/// A sum that Lemon Squeezy told; one that is none leaves open what it did.
fn known<T>(told: Result<T, Unreadable>) -> Result<T, Unanswered> {
    told.map_err(|_| Unanswered::Unknown)
}

fn stands(object: &Object) -> Result<Subscription, Unanswered> {
    known(objects::subscription(object, Ordered::Unnamed))
}

/// What of a list can be read; the rest is left out, and logged.
fn readable<T>(object: &Object, read: Result<T, Unreadable>) -> Option<T> {
    read.map_err(|error| {
        tracing::warn!(object = %object.path(), %error, "Lemon Squeezy lists what cannot be read");
    })
    .ok()
}

fn refused(text: &str) -> Unanswered {
    Unanswered::Refused { status: 422, text: text.to_owned() }
}

/// An id that may stand in a path.
fn numbered(id: &str) -> Result<&str, Unanswered> {
    let digits = !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Ok(id) } else { Err(refused(&format!("`{id}` is no id of Lemon Squeezy"))) }
}

fn is_path(payment: &str) -> bool {
    let parts = payment.split_once('/');
    parts.is_some_and(|(kind, id)| [ORDERS, INVOICES].contains(&kind) && numbered(id).is_ok())
}
