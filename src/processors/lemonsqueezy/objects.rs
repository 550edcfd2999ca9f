//! Lemon Squeezy's objects and what they amount to, whether a webhook brought them or an answer.
//!
//! Sums are minor units. `total` is the truth: Lemon Squeezy's own samples do not add up to it.
//! Refunds are told as the sum of all refunds so far.

use daybook_events::{Money, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::processors::news::{
    BillingReason, Captured, News, Ordered, Payment, RefundedInAll, Subscription, Unreadable,
    currency, minor,
};

/// An object of JSON:API.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    /// Its kind, such as `orders`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id, unique within its kind.
    pub id: String,
    /// What it is like.
    pub attributes: Value,
}

impl Object {
    /// The id under which the ledger knows it: the path of it in Lemon Squeezy's API, since an
    /// order and an invoice may have the same number.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.kind, self.id)
    }

    /// Its attributes in a form.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Unreadable> {
        T::deserialize(&self.attributes).map_err(|error| Unreadable::form(&error))
    }

    /// Whether it is of a kind.
    pub(super) fn expect(&self, kind: &str) -> Result<(), Unreadable> {
        if self.kind == kind {
            return Ok(());
        }
        Err(Unreadable::Form(format!("`{}` stands where `{kind}` is expected", self.kind)))
    }
}

/// The kind of orders.
pub const ORDERS: &str = "orders";
/// The kind of the invoices of subscriptions.
pub const INVOICES: &str = "subscription-invoices";
/// The kind of subscriptions.
pub const SUBSCRIPTIONS: &str = "subscriptions";

/// Money that was asked for: an order, or the invoice of a subscription.
#[derive(Debug, Clone, Deserialize)]
pub struct Charge {
    /// Its ISO 4217 code.
    currency: String,
    /// Everything, with tax.
    total: i64,
    /// The tax inside of it.
    #[serde(default)]
    tax: Option<i64>,
    /// The sum of all refunds so far.
    #[serde(default)]
    refunded_amount: Option<i64>,
    /// `pending`, `failed`, `paid`, `refunded`, `partial_refund`, `fraudulent`, `void`, or a word
    /// that is not documented.
    pub status: String,
    /// When it was made.
    created_at: Option<String>,
    /// The subscription, where it is an invoice of one.
    subscription_id: Option<u64>,
    /// Why the subscription was billed.
    #[serde(default)]
    billing_reason: Option<String>,
}

/// The word for a purchase that Lemon Squeezy does not believe: its money goes back.
const FRAUDULENT: &str = "fraudulent";

impl Charge {
    /// Everything, with tax.
    pub(super) fn total(&self) -> Result<Money, Unreadable> {
        minor("total", self.total, currency(&self.currency)?)
    }

    /// The sum of all refunds so far.
    pub(super) fn refunded(&self) -> Result<Money, Unreadable> {
        minor("refunded_amount", self.refunded_amount.unwrap_or(0), currency(&self.currency)?)
    }

    /// When it was made.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        instant(self.created_at.as_ref())
    }

    /// Whether it is the first invoice of a subscription, whose money its order tells.
    #[must_use]
    pub fn is_first_invoice(&self) -> bool {
        self.billing_reason.as_deref() == Some("initial")
    }

    /// Whether money was taken; it may have gone back since.
    fn was_paid(&self) -> bool {
        matches!(self.status.as_str(), "paid" | "partial_refund" | "refunded")
    }

    /// What it was for: the subscription for its invoices, else what the checkout was given. The
    /// first invoice is for the order that the subscription began with, where that is named.
    fn ordered(&self, named: Ordered) -> Ordered {
        let Some(id) = self.subscription_id else { return named };
        match (self.is_first_invoice(), named) {
            (true, Ordered::Ours(order)) => Ordered::Ours(order),
            (_, _) => {
                let reason = BillingReason::of(self.billing_reason.as_deref().unwrap_or_default());
                Ordered::Subscription { id: id.to_string(), reason }
            }
        }
    }

    /// It as a payment.
    pub(super) fn payment(&self, object: &Object, named: Ordered) -> Result<Payment, Unreadable> {
        let (payment_id, order) = (object.path(), self.ordered(named));
        Ok(Payment { payment_id, order, amount: self.total()? })
    }

    /// The money that it brought.
    pub(super) fn taken(&self, object: &Object, named: Ordered) -> Result<News, Unreadable> {
        let payment = self.payment(object, named)?;
        if self.status == FRAUDULENT {
            return Ok(News::Failed { payment, reason: FRAUDULENT.to_owned() });
        }
        // Invoices of nothing are real, and are no payments. The first invoice is the order's.
        if !self.was_paid() || payment.amount.is_zero() || self.is_first_invoice() {
            return Ok(News::Nothing);
        }
        let tax = minor("tax", self.tax.unwrap_or(0), payment.amount.currency())?;
        Ok(News::Captured(Captured { payment, fee: None, merchant_tax: Some(tax), at: self.at() }))
    }

    /// What of it has gone back: of a fraudulent purchase everything, whatever it counts.
    pub(super) fn gone_back(&self, object: &Object, named: Ordered) -> Result<News, Unreadable> {
        // The first invoice is booked as the payment of the order that its subscription began with,
        // under that one's id: only the subscription leads there.
        let named = if self.is_first_invoice() { Ordered::Unnamed } else { named };
        let Payment { payment_id, order, amount: of } = self.payment(object, named)?;
        let amount = if self.status == FRAUDULENT { of } else { self.refunded()? };
        if amount.is_zero() {
            return Ok(News::Nothing);
        }
        Ok(News::RefundedInAll(RefundedInAll { payment_id, order, amount, of }))
    }
}

#[derive(Deserialize)]
struct Subscribed {
    status: String,
    #[serde(default)]
    cancelled: bool,
    variant_id: u64,
    order_id: Option<u64>,
    renews_at: Option<String>,
    ends_at: Option<String>,
    updated_at: Option<String>,
}

/// How a subscription stands.
pub(super) fn subscription(object: &Object, order: Ordered) -> Result<Subscription, Unreadable> {
    let it: Subscribed = object.read()?;
    Ok(Subscription {
        subscription_id: object.id.clone(),
        order,
        first_payment_id: it.order_id.map(|order| format!("{ORDERS}/{order}")),
        // Some messages say it in the status only.
        cancelled: it.cancelled || it.status == "cancelled",
        status: it.status,
        variant_id: it.variant_id.to_string(),
        renews_at: instant(it.renews_at.as_ref()),
        ends_at: instant(it.ends_at.as_ref()),
        updated_at: instant(it.updated_at.as_ref()),
    })
}

fn instant(text: Option<&String>) -> Option<Timestamp> {
    text?.parse().ok()
}
