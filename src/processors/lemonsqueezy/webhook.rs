//! What Lemon Squeezy's webhooks say.
//!
//! `meta.event_name` names the event, `data` is the object after it, `meta.custom_data` gives back
//! what the checkout was given.

use serde::Deserialize;
use serde_json::Value;

use super::objects::{Charge, INVOICES, ORDERS, Object, SUBSCRIPTIONS, subscription};
use crate::processors::news::{News, Ordered, Told, Unreadable};

/// The name under which a checkout is given our order's id.
pub const CUSTOM_ORDER: &str = "order";

#[derive(Deserialize)]
struct Message {
    meta: Meta,
    data: Object,
}

#[derive(Deserialize)]
struct Meta {
    event_name: String,
    #[serde(default)]
    test_mode: Option<bool>,
    // Not documented: each message has its own.
    #[serde(default)]
    webhook_id: Option<String>,
    // An empty one may come as an empty list.
    #[serde(default)]
    custom_data: Value,
}

impl Meta {
    /// Our order that the checkout was given.
    fn ordered(&self) -> Ordered {
        let custom = self.custom_data.get(CUSTOM_ORDER);
        let ours = custom.and_then(Value::as_str).and_then(|text| text.parse().ok());
        ours.map_or(Ordered::Unnamed, Ordered::Ours)
    }
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

/// Lemon Squeezy's id of a message, where it has one.
#[must_use]
pub fn id_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        meta: Meta,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    named.meta.webhook_id.filter(|id| !id.is_empty() && id.len() <= 255)
}

fn news(Message { meta, data }: &Message) -> Result<News, Unreadable> {
    match meta.event_name.as_str() {
        "order_created" => charge(data, ORDERS)?.taken(data, meta.ordered()),
        "order_refunded" => charge(data, ORDERS)?.gone_back(data, meta.ordered()),
        "subscription_payment_success" => charge(data, INVOICES)?.taken(data, meta.ordered()),
        "subscription_payment_refunded" => charge(data, INVOICES)?.gone_back(data, meta.ordered()),
        "subscription_payment_failed" => {
            let charge = charge(data, INVOICES)?;
            let payment = charge.payment(data, meta.ordered())?;
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
        | "subscription_plan_changed" => {
            data.expect(SUBSCRIPTIONS)?;
            subscription(data, meta.ordered()).map(News::Subscription)
        }
        _other => Ok(News::Nothing),
    }
}

fn charge(data: &Object, kind: &str) -> Result<Charge, Unreadable> {
    data.expect(kind)?;
    data.read()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::processors::news::{BillingReason, RefundedInAll};

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
        let read = said(&body("ls_order_refunded_partial")).unwrap();
        let News::RefundedInAll(RefundedInAll { payment_id, amount, of, .. }) = read else {
            panic!("not refunded")
        };
        assert_eq!(payment_id, "orders/9000001");
        assert_eq!((amount.to_string(), of.to_string()), ("6.00 USD".into(), "18.00 USD".into()));
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
        let billed = |reason| Ordered::Subscription { id: "5".to_owned(), reason };
        assert_eq!(captured.payment.order, billed(BillingReason::Renewal));
        assert_eq!(captured.payment.payment_id, "subscription-invoices/7");
        let News::Captured(captured) = with("billing_reason", json!("updated")).unwrap() else {
            panic!("not captured")
        };
        assert_eq!(captured.payment.order, billed(BillingReason::Updated));
        let News::Captured(captured) = with("billing_reason", json!(null)).unwrap() else {
            panic!("not captured")
        };
        assert_eq!(captured.payment.order, billed(BillingReason::Other(String::new())));
    }

    #[test]
    fn a_subscription_says_how_it_stands() {
        let attributes = json!({ "status": "cancelled", "cancelled": true, "variant_id": 20,
            "order_id": 9, "renews_at": null, "ends_at": "2026-10-04T10:00:00.000000Z",
            "updated_at": "2026-09-05T10:00:00.000000Z" });
        for event in ["subscription_cancelled", "subscription_plan_changed"] {
            let read = said(&message(event, "subscriptions", &attributes)).unwrap();
            let News::Subscription(it) = read else { panic!("no subscription") };
            assert_eq!((it.status.as_str(), it.variant_id.as_str()), ("cancelled", "20"));
            assert!(it.ends_at.is_some() && it.renews_at.is_none() && it.cancelled);
            assert_eq!(it.updated_at, "2026-09-05T10:00:00Z".parse().ok());
            assert_eq!(it.first_payment_id.as_deref(), Some("orders/9"));
        }
    }

    #[test]
    fn the_first_invoices_refund_names_the_subscription_that_began_with_it() {
        let mut charge = charge();
        charge["subscription_id"] = json!(5);
        charge["billing_reason"] = json!("initial");
        charge["refunded_amount"] = json!(600);
        let kind = "subscription-invoices";
        let read = said(&message("subscription_payment_refunded", kind, &charge)).unwrap();
        let News::RefundedInAll(it) = read else { panic!("not refunded") };
        let first = Ordered::Subscription { id: "5".into(), reason: BillingReason::Initial };
        assert_eq!(it.order, first);
        charge["billing_reason"] = json!("renewal");
        let read = said(&message("subscription_payment_refunded", kind, &charge)).unwrap();
        let News::RefundedInAll(it) = read else { panic!("not refunded") };
        assert!(matches!(it.order, Ordered::Subscription { .. }), "{it:?}");
    }

    #[test]
    fn a_fraudulent_purchase_is_no_money_and_all_of_it_goes_back() {
        let mut charge = charge();
        charge["status"] = json!("fraudulent");
        let read = said(&message("order_created", "orders", &charge)).unwrap();
        assert!(matches!(read, News::Failed { reason, .. } if reason == "fraudulent"));
        let read = said(&message("order_refunded", "orders", &charge)).unwrap();
        assert!(matches!(read, News::RefundedInAll(it) if it.amount == it.of));
    }

    #[test]
    fn a_message_that_comes_late_still_says_that_money_was_taken() {
        for status in ["partial_refund", "refunded"] {
            let mut charge = charge();
            charge["status"] = json!(status);
            let read = said(&message("order_created", "orders", &charge)).unwrap();
            assert!(matches!(read, News::Captured(_)), "{status}");
        }
    }

    #[test]
    fn a_messages_id_is_its_own_where_it_has_one() {
        let id = "00000000-0000-4000-8000-000000000001";
        assert_eq!(id_of(&body("ls_order_created")).as_deref(), Some(id));
        for body in ["", "{}", r#"{"meta":{"event_name":"x"}}"#] {
            assert_eq!(id_of(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn an_object_of_another_kind_is_not_believed() {
        assert!(said(&message("order_created", "subscription-invoices", &charge())).is_err());
        let read = said(&message("subscription_payment_success", "orders", &charge()));
        assert!(read.is_err());
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
