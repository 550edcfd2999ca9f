//! What the simulated Lemon Squeezy keeps, and what happens to it.

use std::collections::BTreeMap;

use chrono::Months;
use daybook_events::Timestamp;
use serde_json::{Value, json};

use super::{
    shapes::{self, Refusal, Sums, Tax, instant, object},
    webhooks::Delivery,
};

/// A variant that is sold: every month or every year.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant {
    pub(crate) price: i64,
    pub(crate) months: u32,
}

/// What a subscription is besides what is told of it.
#[derive(Debug, Clone)]
struct Running {
    /// The price of a checkout; it lasts until the variant changes.
    custom_price: Option<i64>,
    /// What a change of plan adds to the next invoice; may be negative.
    prorated: i64,
    began: Timestamp,
    renews: Timestamp,
}

/// Who was told about a payment: the ids of everything that it made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paid {
    pub(crate) order: String,
    pub(crate) subscription: String,
    pub(crate) invoice: String,
}

type Objects = BTreeMap<u64, Value>;

#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) now: Timestamp,
    pub(crate) tax: Tax,
    pub(crate) variants: BTreeMap<u64, Variant>,
    /// Discounts by code, in percent of the first payment.
    pub(crate) discounts: BTreeMap<String, i64>,
    /// Whether `PayPal` pays: then a change of plan is answered and not made.
    pub(crate) paypal: bool,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) secret: String,
    next: u64,
    checkouts: BTreeMap<String, Value>,
    /// The attributes by kind and id.
    kept: BTreeMap<&'static str, Objects>,
    running: BTreeMap<u64, Running>,
    custom: BTreeMap<u64, Value>,
    /// The first invoice of each order.
    first_invoices: BTreeMap<u64, u64>,
}

pub(crate) const ORDERS: &str = "orders";
pub(crate) const INVOICES: &str = "subscription-invoices";
pub(crate) const SUBSCRIPTIONS: &str = "subscriptions";
const KINDS: [&str; 3] = [ORDERS, INVOICES, SUBSCRIPTIONS];

impl Books {
    pub(crate) fn new(now: Timestamp, secret: &str) -> Self {
        let month = |price| Variant { price, months: 1 };
        Self {
            now,
            tax: Tax { rate: 20, inclusive: false },
            variants: BTreeMap::from([
                (20, month(5_000)),
                (21, month(10_000)),
                (22, Variant { price: 50_000, months: 12 }),
            ]),
            discounts: BTreeMap::new(),
            paypal: false,
            deliveries: Vec::new(),
            secret: secret.to_owned(),
            next: 9_000_000,
            checkouts: BTreeMap::new(),
            kept: KINDS.map(|kind| (kind, Objects::new())).into(),
            running: BTreeMap::new(),
            custom: BTreeMap::new(),
            first_invoices: BTreeMap::new(),
        }
    }

    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn keep(&mut self, kind: &'static str, attributes: Value) -> u64 {
        let id = self.id();
        self.kept.get_mut(kind).unwrap().insert(id, attributes);
        id
    }

    /// The attributes of an object by kind and id.
    fn found(&mut self, kind: &str, id: &str) -> Result<(u64, &mut Value), Refusal> {
        let missing = || Refusal::new(404, &format!("The {kind} {id} does not exist."));
        let id: u64 = id.parse().map_err(|_| missing())?;
        let kept = self.kept.get_mut(kind).ok_or_else(missing)?;
        Ok((id, kept.get_mut(&id).ok_or_else(missing)?))
    }

    pub(crate) fn read(&mut self, kind: &str, id: &str) -> Result<Value, Refusal> {
        let (_, attributes) = self.found(kind, id)?;
        Ok(object(kind, id, attributes))
    }

    /// A page of a kind, the newest first, with the number of pages.
    pub(crate) fn page(&self, kind: &str, number: usize, size: usize) -> (Vec<Value>, usize) {
        let kept = self.kept.get(kind).map(|kept| kept.iter().rev().collect::<Vec<_>>());
        let kept = kept.unwrap_or_default();
        let pages = kept.len().div_ceil(size).max(1);
        let page = kept.into_iter().skip((number - 1) * size).take(size);
        (page.map(|(id, attributes)| object(kind, &id.to_string(), attributes)).collect(), pages)
    }

    fn tell(&mut self, event: &str, kind: &str, id: u64) {
        let attributes = self.kept[kind][&id].clone();
        let order = match kind {
            ORDERS => id,
            SUBSCRIPTIONS => attributes["order_id"].as_u64().unwrap(),
            _ => {
                let subscription = attributes["subscription_id"].as_u64().unwrap();
                self.kept[SUBSCRIPTIONS][&subscription]["order_id"].as_u64().unwrap()
            }
        };
        let number = self.id();
        let meta = json!({ "test_mode": true, "event_name": event,
            "webhook_id": format!("00000000-0000-4000-8000-{number:012}"),
            "custom_data": self.custom.get(&order) });
        let body = json!({ "meta": meta, "data": object(kind, &id.to_string(), &attributes) });
        self.deliveries.push(Delivery::signed(event, &body, &self.secret));
    }

    fn touch(&mut self, kind: &str, id: u64, changes: &[(&str, Value)]) {
        let now = instant(self.now);
        let attributes = self.kept.get_mut(kind).unwrap().get_mut(&id).unwrap();
        for (name, value) in changes {
            attributes[*name] = value.clone();
        }
        attributes["updated_at"] = now;
    }

    // --- checkouts ------------------------------------------------------------------------------

    pub(crate) fn check_out(&mut self, body: &Value) -> Result<Value, Refusal> {
        let bad = |what: &str| Refusal::new(422, &format!("The {what} is invalid."));
        let data = &body["data"];
        let related = |kind: &str, plural: &str| {
            let it = &data["relationships"][kind]["data"];
            let id = it["id"].as_str().filter(|_| it["type"] == plural);
            id.map(str::to_owned).ok_or_else(|| bad(kind))
        };
        if data["type"] != "checkouts" {
            return Err(bad("type"));
        }
        if related("store", "stores")? != "1" {
            return Err(bad("store"));
        }
        let variant = related("variant", "variants")?.parse::<u64>().map_err(|_| bad("variant"))?;
        if !self.variants.contains_key(&variant) {
            return Err(bad("variant"));
        }
        let mut attributes = data["attributes"].clone();
        let custom =
            attributes["checkout_data"]["custom"].as_object().ok_or_else(|| bad("custom"))?;
        if !custom.values().all(Value::is_string) {
            return Err(bad("custom"));
        }
        if let Some(code) = attributes["checkout_data"]["discount_code"].as_str()
            && !self.discounts.contains_key(code)
        {
            return Err(bad("discount code"));
        }
        if attributes["custom_price"].as_i64().is_none_or(|price| price <= 0) {
            return Err(bad("custom price"));
        }
        let number = self.id();
        let id = format!("11111111-1111-4111-8111-{number:012}");
        attributes["store_id"] = json!(1);
        attributes["variant_id"] = json!(variant);
        attributes["created_at"] = instant(self.now);
        attributes["updated_at"] = instant(self.now);
        attributes["test_mode"] = json!(true);
        attributes["url"] =
            json!(format!("https://example.lemonsqueezy.com/checkout/custom/{id}?signature=s"));
        self.checkouts.insert(id.clone(), attributes.clone());
        Ok(object("checkouts", &id, &attributes))
    }

    /// The customer pays a checkout.
    pub(crate) fn pay(&mut self, checkout: &str) -> Paid {
        let checkout = self.checkouts[checkout].clone();
        let variant = checkout["variant_id"].as_u64().unwrap();
        let Variant { months, .. } = self.variants[&variant];
        let custom_price = checkout["custom_price"].as_i64();
        let price = custom_price.unwrap();
        let data = &checkout["checkout_data"];
        let off = data["discount_code"].as_str().map_or(0, |code| self.discounts[code]);
        let sums = Sums::of(price, price * off / 100, self.tax);
        let (now, tax) = (self.now, self.tax);
        let number = self.next + 1;
        let order = self.keep(ORDERS, shapes::order(number, variant, sums, tax, now));
        self.custom.insert(order, data["custom"].clone());
        let renews = later(now, months);
        let subscription =
            self.keep(SUBSCRIPTIONS, shapes::subscription(order, variant, renews, now));
        let running = Running { custom_price, prorated: 0, began: now, renews };
        self.running.insert(subscription, running);
        let invoice = self.keep(INVOICES, shapes::invoice(subscription, "initial", sums, tax, now));
        self.first_invoices.insert(order, invoice);
        self.tell("order_created", ORDERS, order);
        self.tell("subscription_created", SUBSCRIPTIONS, subscription);
        self.touch(SUBSCRIPTIONS, subscription, &[("card_brand", json!("visa"))]);
        self.tell("subscription_updated", SUBSCRIPTIONS, subscription);
        self.tell("subscription_payment_success", INVOICES, invoice);
        let [order, subscription, invoice] =
            [order, subscription, invoice].map(|id| id.to_string());
        Paid { order, subscription, invoice }
    }

    // --- subscriptions --------------------------------------------------------------------------

    fn price(&self, subscription: u64) -> i64 {
        let variant = self.kept[SUBSCRIPTIONS][&subscription]["variant_id"].as_u64().unwrap();
        self.running[&subscription].custom_price.unwrap_or(self.variants[&variant].price)
    }

    /// The period is over: the next one is billed, with what changes of plan have added.
    fn bill(&mut self, subscription: u64, status: &str) -> u64 {
        let subtotal = (self.price(subscription) + self.running[&subscription].prorated).max(0);
        let sums = Sums::of(subtotal, 0, self.tax);
        let mut it = shapes::invoice(subscription, "renewal", sums, self.tax, self.now);
        it["status"] = json!(status);
        self.keep(INVOICES, it)
    }

    fn begin_period(&mut self, subscription: u64) {
        let variant = self.kept[SUBSCRIPTIONS][&subscription]["variant_id"].as_u64().unwrap();
        let months = self.variants[&variant].months;
        let running = self.running.get_mut(&subscription).unwrap();
        running.prorated = 0;
        running.began = running.renews;
        running.renews = later(running.renews, months);
        let renews = instant(running.renews);
        let changes = [("status", json!("active")), ("renews_at", renews)];
        self.touch(SUBSCRIPTIONS, subscription, &changes);
    }

    /// Renews a subscription at its time: the new invoice.
    pub(crate) fn renew(&mut self, subscription: &str) -> String {
        let id = subscription.parse().unwrap();
        self.now = self.running[&id].renews;
        let invoice = self.bill(id, "paid");
        self.begin_period(id);
        self.tell("subscription_payment_success", INVOICES, invoice);
        self.tell("subscription_updated", SUBSCRIPTIONS, id);
        invoice.to_string()
    }

    /// The renewal is not paid: the invoice that waits.
    pub(crate) fn fail(&mut self, subscription: &str) -> String {
        let id = subscription.parse().unwrap();
        self.now = self.running[&id].renews;
        let invoice = self.bill(id, "pending");
        self.touch(SUBSCRIPTIONS, id, &[("status", json!("past_due"))]);
        self.tell("subscription_payment_failed", INVOICES, invoice);
        self.tell("subscription_updated", SUBSCRIPTIONS, id);
        invoice.to_string()
    }

    /// The invoice that waited is paid.
    pub(crate) fn recover(&mut self, invoice: &str) {
        let id = invoice.parse().unwrap();
        self.touch(INVOICES, id, &[("status", json!("paid"))]);
        let subscription = self.kept[INVOICES][&id]["subscription_id"].as_u64().unwrap();
        self.begin_period(subscription);
        self.tell("subscription_payment_recovered", INVOICES, id);
        self.tell("subscription_payment_success", INVOICES, id);
        self.tell("subscription_updated", SUBSCRIPTIONS, subscription);
    }

    /// Sets a subscription's status by hand, with the message for it.
    pub(crate) fn becomes(&mut self, subscription: &str, status: &str, event: &str) {
        let id = subscription.parse().unwrap();
        self.touch(SUBSCRIPTIONS, id, &[("status", json!(status))]);
        self.tell(event, SUBSCRIPTIONS, id);
        self.tell("subscription_updated", SUBSCRIPTIONS, id);
    }

    pub(crate) fn set(&mut self, id: &str, body: &Value) -> Result<Value, Refusal> {
        let data = &body["data"];
        if data["type"] != SUBSCRIPTIONS || data["id"] != id {
            return Err(Refusal::new(409, "The type or the id is another."));
        }
        let (number, it) = self.found(SUBSCRIPTIONS, id)?;
        if it["status"] == "expired" {
            return Err(Refusal::new(422, "The subscription has expired."));
        }
        let was = (it["variant_id"].as_u64().unwrap(), it["cancelled"] == true);
        if let Some(variant) = data["attributes"]["variant_id"].as_u64() {
            if !self.variants.contains_key(&variant) {
                return Err(Refusal::new(422, "The variant is invalid."));
            }
            if !self.paypal && variant != was.0 {
                self.change_plan(number, variant);
            }
        }
        if data["attributes"]["cancelled"] == false && was.1 {
            let changes = [
                ("cancelled", json!(false)),
                ("status", json!("active")),
                ("ends_at", Value::Null),
            ];
            self.touch(SUBSCRIPTIONS, number, &changes);
            self.tell("subscription_resumed", SUBSCRIPTIONS, number);
            self.tell("subscription_updated", SUBSCRIPTIONS, number);
        }
        self.read(SUBSCRIPTIONS, id)
    }

    /// The documented proration: what is left of the period is credited at the old price and
    /// charged at the new one, by whole days, on the next invoice. The day itself counts as used.
    fn change_plan(&mut self, id: u64, variant: u64) {
        let old = self.price(id);
        let now = self.now;
        let running = self.running.get_mut(&id).unwrap();
        let days = |from: Timestamp, to: Timestamp| (to.seconds() - from.seconds()) / 86_400;
        let whole = days(running.began, running.renews);
        let left = (days(now, running.renews) - 1).max(0);
        // A checkout's price is for its variant.
        running.custom_price = None;
        let new = self.variants[&variant].price;
        running.prorated += new * left / whole - old * left / whole;
        self.touch(SUBSCRIPTIONS, id, &[("variant_id", json!(variant))]);
        self.tell("subscription_plan_changed", SUBSCRIPTIONS, id);
        self.tell("subscription_updated", SUBSCRIPTIONS, id);
    }

    pub(crate) fn cancel(&mut self, id: &str) -> Result<Value, Refusal> {
        let (number, it) = self.found(SUBSCRIPTIONS, id)?;
        if it["cancelled"] != true {
            let ends = it["renews_at"].clone();
            let changes =
                [("cancelled", json!(true)), ("status", json!("cancelled")), ("ends_at", ends)];
            self.touch(SUBSCRIPTIONS, number, &changes);
            self.tell("subscription_cancelled", SUBSCRIPTIONS, number);
            self.tell("subscription_updated", SUBSCRIPTIONS, number);
        }
        self.read(SUBSCRIPTIONS, id)
    }

    // --- refunds --------------------------------------------------------------------------------

    pub(crate) fn refund(&mut self, kind: &str, id: &str, body: &Value) -> Result<Value, Refusal> {
        let data = &body["data"];
        if data["type"] != kind || data["id"] != id {
            return Err(Refusal::new(409, "The type or the id is another."));
        }
        let (number, it) = self.found(kind, id)?;
        let sum = |name: &str| it[name].as_i64().unwrap();
        let rest = sum("total") - sum("refunded_amount");
        let amount = data["attributes"]["amount"].as_i64().unwrap_or(rest);
        if amount <= 0 || amount > rest {
            return Err(Refusal::new(422, "The amount is more than what is left of the payment."));
        }
        let all = sum("refunded_amount") + amount;
        self.refunded(kind, number, all);
        // The first invoice and its order are one payment.
        let first = self.first_invoices.get(&number).copied().filter(|_| kind == ORDERS);
        let order = self.first_invoices.iter().find(|(_, invoice)| **invoice == number);
        let order = order.map(|(order, _)| *order).filter(|_| kind == INVOICES);
        if let Some(invoice) = first {
            self.refunded(INVOICES, invoice, all);
        }
        if let Some(order) = order {
            self.refunded(ORDERS, order, all);
        }
        self.read(kind, id)
    }

    fn refunded(&mut self, kind: &str, id: u64, all: i64) {
        let whole = self.kept[kind][&id]["total"] == all;
        let now = instant(self.now);
        let mut changes = vec![
            ("refunded_amount", json!(all)),
            ("refunded", json!(whole)),
            ("status", json!(if whole { "refunded" } else { "partial_refund" })),
        ];
        if whole {
            changes.push(("refunded_at", now));
        }
        self.touch(kind, id, &changes);
        let event = if kind == ORDERS { "order_refunded" } else { "subscription_payment_refunded" };
        self.tell(event, kind, id);
    }

    /// The order is not believed any more.
    pub(crate) fn fraudulent(&mut self, order: &str) {
        let id = order.parse().unwrap();
        self.touch(ORDERS, id, &[("status", json!("fraudulent"))]);
        self.tell("order_refunded", ORDERS, id);
    }
}

fn later(at: Timestamp, months: u32) -> Timestamp {
    Timestamp::new(at.utc().checked_add_months(Months::new(months)).unwrap())
}
