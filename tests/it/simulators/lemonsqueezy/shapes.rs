//! The JSON of Lemon Squeezy's objects, in the shapes that it sends.

use daybook_events::Timestamp;
use serde_json::{Value, json};

/// The tax that the simulator takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tax {
    /// In percent.
    pub(crate) rate: i64,
    /// Whether prices hold it already.
    pub(crate) inclusive: bool,
}

/// The sums of one charge, in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) subtotal: i64,
    pub(crate) discount: i64,
    pub(crate) tax: i64,
    pub(crate) total: i64,
}

impl Sums {
    pub(crate) fn of(subtotal: i64, discount: i64, tax: Tax) -> Self {
        let rest = subtotal - discount;
        let half_up =
            |numerator: i64, denominator: i64| (numerator * 2 + denominator) / (denominator * 2);
        if tax.inclusive {
            let net = half_up(rest * 100, 100 + tax.rate);
            return Self { subtotal, discount, tax: rest - net, total: rest };
        }
        let tax = half_up(rest * tax.rate, 100);
        Self { subtotal, discount, tax, total: rest + tax }
    }
}

pub(crate) fn instant(at: Timestamp) -> Value {
    json!(at.to_string())
}

fn dollars(cents: i64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

/// What orders and invoices have in common.
fn charge(sums: Sums, tax: Tax, at: Timestamp) -> Value {
    let mut it = json!({
        "store_id": 1, "customer_id": 2, "user_name": "A Example", "user_email": "a@example.com",
        "currency": "USD", "currency_rate": "1.00000000", "status": "paid",
        "status_formatted": "Paid", "refunded": false, "refunded_at": null,
        "tax_inclusive": tax.inclusive, "created_at": instant(at), "updated_at": instant(at),
        "test_mode": true,
    });
    for (name, cents) in [
        ("subtotal", sums.subtotal),
        ("discount_total", sums.discount),
        ("tax", sums.tax),
        ("total", sums.total),
        ("refunded_amount", 0),
    ] {
        it[name] = json!(cents);
        it[format!("{name}_usd")] = json!(cents);
        it[format!("{name}_formatted")] = json!(dollars(cents));
    }
    it
}

/// The attributes of an order.
pub(crate) fn order(number: u64, variant: u64, sums: Sums, tax: Tax, at: Timestamp) -> Value {
    let mut it = charge(sums, tax, at);
    it["identifier"] = json!(format!("00000000-0000-4000-8000-{number:012}"));
    it["order_number"] = json!(number);
    it["setup_fee"] = json!(0);
    it["tax_name"] = json!("VAT");
    it["tax_rate"] = json!(format!("{}.00", tax.rate));
    it["urls"] = json!({ "receipt": format!("https://example.lemonsqueezy.com/orders/{number}") });
    it["first_order_item"] = json!({
        "id": number, "order_id": number, "product_id": 10, "variant_id": variant,
        "product_name": "VPS", "variant_name": "Monthly", "price": sums.subtotal, "quantity": 1,
        "created_at": instant(at), "updated_at": instant(at), "test_mode": true,
    });
    it
}

/// The attributes of a subscription's invoice.
pub(crate) fn invoice(
    subscription: u64,
    reason: &str,
    sums: Sums,
    tax: Tax,
    at: Timestamp,
) -> Value {
    let mut it = charge(sums, tax, at);
    it["subscription_id"] = json!(subscription);
    it["billing_reason"] = json!(reason);
    it["card_brand"] = json!("visa");
    it["card_last_four"] = json!("4242");
    it["urls"] = json!({ "invoice_url": "https://example.lemonsqueezy.com/invoice" });
    it
}

/// The attributes of a subscription.
pub(crate) fn subscription(order: u64, variant: u64, renews_at: Timestamp, at: Timestamp) -> Value {
    json!({
        "store_id": 1, "customer_id": 2, "order_id": order, "order_item_id": order,
        "product_id": 10, "variant_id": variant, "product_name": "VPS", "variant_name": "Monthly",
        "user_name": "A Example", "user_email": "a@example.com", "status": "active",
        "status_formatted": "Active", "card_brand": null, "card_last_four": null, "pause": null,
        "cancelled": false, "trial_ends_at": null, "billing_anchor": 1,
        "first_subscription_item": null,
        "urls": { "update_payment_method": "https://example.lemonsqueezy.com/u",
            "customer_portal": "https://example.lemonsqueezy.com/p",
            "customer_portal_update_subscription": "https://example.lemonsqueezy.com/s" },
        "renews_at": instant(renews_at), "ends_at": null, "created_at": instant(at),
        "updated_at": instant(at), "test_mode": true, "payment_processor": "stripe",
    })
}

/// An object of JSON:API.
pub(crate) fn object(kind: &str, id: &str, attributes: &Value) -> Value {
    let link = format!("https://api.lemonsqueezy.com/v1/{kind}/{id}");
    json!({ "type": kind, "id": id, "attributes": attributes, "relationships": {},
        "links": { "self": link } })
}

/// In which of its shapes a refusal comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalShape {
    JsonApi,
    Error,
    Message,
}

/// A refusal of a status, for a reason.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) detail: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, detail: &str) -> Self {
        Self { status, detail: detail.to_owned() }
    }

    pub(crate) fn body(&self, shape: RefusalShape) -> Value {
        let Self { status, detail } = self;
        match shape {
            RefusalShape::JsonApi => json!({ "jsonapi": { "version": "1.0" }, "errors": [{
                "status": status.to_string(), "title": "Refused", "detail": detail }] }),
            RefusalShape::Error => json!({ "error": detail }),
            RefusalShape::Message => json!({ "message": detail }),
        }
    }
}
