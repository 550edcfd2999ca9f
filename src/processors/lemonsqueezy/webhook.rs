//! What Lemon Squeezy's webhooks say.
//!
//! `meta.event_name` names the event, `data` is the object after it, `meta.custom_data` gives back
//! what the checkout was given. Sums are minor units. `total` is the truth: its own samples do not
//! add up to it. Refunds are told as sums of all refunds so far.

use std::collections::BTreeMap;

use daybook_events::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::processors::news::{
    Captured, News, Ordered, Payment, Subscription, Told, Unreadable, currency, minor,
};

/// The name under which a checkout is given our order's id.
pub const CUSTOM_ORDER: &str = "order";

#[derive(Deserialize)]
struct Message {
    meta: Meta,
    data: Data,
}

#[derive(Deserialize)]
struct Meta {
    event_name: String,
    #[serde(default)]
    test_mode: Option<bool>,
    #[serde(default)]
    custom_data: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Data {
    id: String,
    attributes: Value,
}

/// An order, or the invoice of a subscription.
#[derive(Deserialize)]
struct Charge {
    currency: String,
    total: i64,
    #[serde(default)]
    tax: i64,
    #[serde(default)]
    refunded_amount: i64,
    status: String,
    created_at: Option<String>,
    subscription_id: Option<u64>,
    #[serde(default)]
    billing_reason: Option<String>,
}

#[derive(Deserialize)]
struct Subscribed {
    status: String,
    variant_id: u64,
    renews_at: Option<String>,
    ends_at: Option<String>,
}

/// What a webhook's body says.
///
/// # Errors
/// A body that is not of Lemon Squeezy's form.
pub fn interpret(body: &[u8]) -> Result<Told, Unreadable> {
    let message: Message =
        serde_json::from_slice(body).map_err(|error| Unreadable::form(&error))?;
    let news = news(&message)?;
    let Meta { event_name: event, test_mode: test, .. } = message.meta;
    Ok(Told { event, test, news })
}

fn news(Message { meta, data }: &Message) -> Result<News, Unreadable> {
    match meta.event_name.as_str() {
        "order_created" => charged(meta, data, &read(data)?),
        "order_refunded" | "subscription_payment_refunded" => refunded(data, &read(data)?),
        "subscription_payment_success" => {
            let charge: Charge = read(data)?;
            // The first invoice is the order's, which has its own message.
            match charge.billing_reason.as_deref() {
                Some("initial") => Ok(News::Nothing),
                Some(_) | None => charged(meta, data, &charge),
            }
        }
        "subscription_payment_failed" => {
            let charge: Charge = read(data)?;
            let payment = payment(meta, data, &charge)?;
            Ok(News::Failed { payment, reason: charge.status })
        }
        // Comes together with the success, which is the news.
        "subscription_payment_recovered" => Ok(News::Nothing),
        "subscription_created"
        | "subscription_updated"
        | "subscription_cancelled"
        | "subscription_resumed"
        | "subscription_expired"
        | "subscription_paused"
        | "subscription_unpaused"
        | "subscription_plan_changed" => subscription(meta, data),
        _other => Ok(News::Nothing),
    }
}

fn read<T: serde::de::DeserializeOwned>(data: &Data) -> Result<T, Unreadable> {
    serde_json::from_value(data.attributes.clone()).map_err(|error| Unreadable::form(&error))
}

/// Which order a message is about: the one that its checkout was given, else the subscription.
fn ordered(meta: &Meta, subscription: Option<u64>) -> Ordered {
    let custom = meta.custom_data.as_ref().and_then(|custom| custom.get(CUSTOM_ORDER));
    let ours = custom.and_then(Value::as_str).and_then(|text| text.parse().ok());
    match (subscription, ours) {
        (Some(subscription), _) => Ordered::Subscription(subscription.to_string()),
        (None, Some(ours)) => Ordered::Ours(ours),
        (None, None) => Ordered::Unnamed,
    }
}

fn payment(meta: &Meta, data: &Data, charge: &Charge) -> Result<Payment, Unreadable> {
    let amount = minor("total", charge.total, currency(&charge.currency)?)?;
    let order = ordered(meta, charge.subscription_id);
    Ok(Payment { payment_id: data.id.clone(), order, amount })
}

fn charged(meta: &Meta, data: &Data, charge: &Charge) -> Result<News, Unreadable> {
    let payment = payment(meta, data, charge)?;
    // Invoices of nothing are real, and are no payments.
    if charge.status != "paid" || payment.amount.is_zero() {
        return Ok(News::Nothing);
    }
    let tax = minor("tax", charge.tax, payment.amount.currency())?;
    let at = charge.created_at.as_deref().and_then(instant);
    Ok(News::Captured(Captured { payment, fee: None, merchant_tax: Some(tax), at }))
}

fn refunded(data: &Data, charge: &Charge) -> Result<News, Unreadable> {
    let amount = minor("refunded_amount", charge.refunded_amount, currency(&charge.currency)?)?;
    Ok(News::RefundedInAll { payment_id: data.id.clone(), amount })
}

fn subscription(meta: &Meta, data: &Data) -> Result<News, Unreadable> {
    let Subscribed { status, variant_id, renews_at, ends_at } = read(data)?;
    Ok(News::Subscription(Subscription {
        subscription_id: data.id.clone(),
        order: ordered(meta, None),
        status,
        variant_id: variant_id.to_string(),
        renews_at: renews_at.as_deref().and_then(instant),
        ends_at: ends_at.as_deref().and_then(instant),
    }))
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(body: &[u8]) -> Result<News, Unreadable> {
        interpret(body).map(|told| told.news)
    }

    fn body(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/vectors/{name}.body", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    }

    fn message(event: &str, kind: &str, attributes: &Value) -> Vec<u8> {
        let order = "ord_01900000000070008000000000000001";
        let body = json!({
            "meta": { "event_name": event, "custom_data": { "order": order } },
            "data": { "type": kind, "id": "7", "attributes": attributes },
        });
        body.to_string().into_bytes()
    }

    fn charge() -> Value {
        json!({ "currency": "USD", "total": 1800, "tax": 300, "refunded_amount": 0,
            "status": "paid", "created_at": "2026-09-04T10:00:00.000000Z" })
    }

    #[test]
    fn a_paid_order_is_money_with_the_merchants_tax_inside() {
        let News::Captured(captured) = said(&body("ls_order_created")).unwrap() else {
            panic!("not captured")
        };
        assert_eq!(captured.payment.amount.to_string(), "18.00 USD");
        assert_eq!(captured.merchant_tax.unwrap().to_string(), "3.00 USD");
        // The vector's order is not of our form: it was not ours.
        assert_eq!(captured.payment.order, Ordered::Unnamed);
        let ours = said(&message("order_created", "orders", &charge())).unwrap();
        assert!(matches!(ours, News::Captured(it) if matches!(it.payment.order, Ordered::Ours(_))));
    }

    #[test]
    fn a_refund_is_told_as_the_sum_so_far() {
        let News::RefundedInAll { payment_id, amount } =
            said(&body("ls_order_refunded_partial")).unwrap()
        else {
            panic!("not refunded")
        };
        assert_eq!(payment_id, "9000001");
        assert!(amount.is_positive());
    }

    #[test]
    fn invoices_of_nothing_and_first_invoices_are_no_payments() {
        let with = |name: &str, value: Value| {
            let mut charge = charge();
            charge["subscription_id"] = json!(5);
            charge[name] = value;
            said(&message("subscription_payment_success", "subscription-invoices", &charge))
        };
        assert!(matches!(with("total", json!(0)), Ok(News::Nothing)));
        assert!(matches!(with("billing_reason", json!("initial")), Ok(News::Nothing)));
        let renewed = with("billing_reason", json!("renewal")).unwrap();
        let News::Captured(captured) = renewed else { panic!("not captured") };
        assert_eq!(captured.payment.order, Ordered::Subscription("5".to_owned()));
    }

    #[test]
    fn a_subscription_says_how_it_stands() {
        let attributes = json!({ "status": "cancelled", "variant_id": 20, "renews_at": null,
            "ends_at": "2026-10-04T10:00:00.000000Z" });
        for event in ["subscription_cancelled", "subscription_plan_changed"] {
            let read = said(&message(event, "subscriptions", &attributes)).unwrap();
            let News::Subscription(it) = read else { panic!("no subscription") };
            assert_eq!((it.status.as_str(), it.variant_id.as_str()), ("cancelled", "20"));
            assert!(it.ends_at.is_some() && it.renews_at.is_none());
        }
    }

    #[test]
    fn what_is_not_believed_is_kept_aside_and_what_is_not_known_is_nothing() {
        let mut charge = charge();
        charge["total"] = json!("1800");
        assert!(said(&message("order_created", "orders", &charge)).is_err());
        for body in ["", "{}", "[]"] {
            assert!(said(body.as_bytes()).is_err());
        }
        let unknown = said(&message("license_key_created", "license-keys", &json!({})));
        assert!(matches!(unknown, Ok(News::Nothing)));
    }
}
