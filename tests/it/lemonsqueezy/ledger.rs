//! The ledger behind the webhooks: what it books of Lemon Squeezy's sales, on good days and bad.

use chrono::{TimeDelta, Utc};
use daybook::settlement::worker;
use serde_json::{Value, json};

use super::selling_there;
use crate::{
    harness::{Customer, TestApp},
    simulators::lemonsqueezy::{Delivery, Disorder, LemonSqueezy, Paid, disordered},
};

struct Scene {
    sim: LemonSqueezy,
    test: TestApp,
    customer: Customer,
    /// How the net treats deliveries; `None` brings each once and in order.
    day: Option<u64>,
}

impl Scene {
    async fn start(day: Option<u64>) -> Self {
        let sim = LemonSqueezy::start().await;
        sim.at("2026-05-01T00:00:00Z");
        let test = selling_there(&sim).await;
        let customer = test.customer().await;
        Self { sim, test, customer, day }
    }

    /// The customer buys `pro` for 15.00, and 3.00 of Lemon Squeezy's tax on top.
    async fn buys(&self) -> Paid {
        let body = json!({ "plan": "pro", "success_url": "https://panel.example/a",
            "cancel_url": "https://panel.example/b" });
        let path = "/api/v1/billing/checkout";
        let answer = self.test.post(path, &self.customer.key, &body).await.ok();
        let url = answer["data"]["checkout_url"].as_str().unwrap();
        let checkout = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        let paid = self.sim.pay(checkout);
        self.delivers().await;
        paid
    }

    /// Brings every new webhook, and lets the ledger read them however long some have to wait.
    async fn delivers(&self) {
        let disorder = Disorder { times: 3, late: 5, forged: 20 };
        let all = self.sim.webhooks();
        let all = self.day.map_or(all.clone(), |seed| disordered(&all, seed, disorder));
        for delivery in &all {
            self.delivered(delivery).await;
        }
        for day in 0..12 {
            worker::round(&self.test.app, Utc::now() + TimeDelta::days(day)).await.unwrap();
        }
        self.test.settle().await;
    }

    async fn delivered(&self, Delivery { headers, body, genuine, .. }: &Delivery) {
        let headers: Vec<_> = headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let path = "/webhooks/lemonsqueezy";
        let answer = self.test.send("POST", path, "", &headers, Some(body.clone())).await;
        // Lemon Squeezy counts nothing but 200 as taken.
        let expected = if *genuine { "" } else { "signature_invalid" };
        assert_eq!(answer.code(), expected, "{}", answer.text);
        assert_eq!(answer.status == 200, *genuine);
    }

    async fn of_account(&self, what: &str) -> Value {
        let path = format!("/api/accounts/{}{what}", self.customer.account_id);
        self.test.get(&path, &self.customer.key).await.ok()
    }

    /// Each payment: whose it is there, how much came in, how much went back.
    async fn payments(&self) -> Vec<(String, String, String)> {
        let payments = self.of_account("/payments").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let payments = payments["data"].as_array().unwrap().iter();
        let mut payments: Vec<_> = payments
            .map(|it| {
                let id = text(&it["processor_payment_id"]);
                (id, text(&it["amount"]["amount"]), text(&it["refunded"]["amount"]))
            })
            .collect();
        payments.sort();
        payments
    }
}

fn payment(id: &str, amount: &str, refunded: &str) -> (String, String, String) {
    (id.to_owned(), amount.to_owned(), refunded.to_owned())
}

/// A purchase, a renewal, a refund on their dashboard and one of ours, with the messages of each.
async fn a_life_is_booked(day: Option<u64>) {
    let scene = Scene::start(day).await;
    let paid = scene.buys().await;
    let order = format!("orders/{}", paid.order);
    assert_eq!(scene.payments().await, [payment(&order, "15.00", "0.00")], "{day:?}");

    scene.test.at("2026-06-01T00:00:30Z");
    let renewal = format!("subscription-invoices/{}", scene.sim.renew(&paid.subscription));
    scene.delivers().await;
    let expected = [payment(&order, "15.00", "0.00"), payment(&renewal, "15.00", "0.00")];
    assert_eq!(scene.payments().await, expected, "{day:?}");

    // 6.00 of 18.00 there is 5.00 of 15.00 here.
    scene.sim.refund_by_hand(&renewal, 600);
    scene.delivers().await;
    let expected = [payment(&order, "15.00", "0.00"), payment(&renewal, "15.00", "5.00")];
    assert_eq!(scene.payments().await, expected, "{day:?}");

    let body = json!({ "amount": "3", "reason": "as agreed", "override": true });
    let account = &scene.customer.account_id;
    scene.test.post_as_super("/api/refunds", account, &body).await.ok();
    scene.delivers().await;
    let back: i64 =
        [&order, &renewal].map(|path| scene.sim.cents(path, "refunded_amount")).iter().sum();
    assert_eq!(back, 600 + 360, "{day:?}");
    let refunds = scene.of_account("/refunds").await;
    let refunds = refunds["data"].as_array().unwrap();
    assert_eq!(refunds.len(), 2, "{day:?}: {refunds:?}");
    assert!(refunds.iter().all(|it| it["status"] == "processed"), "{refunds:?}");
    // A refund ends the subscription; what of its 15.00 was not sent back is the customer's credit.
    assert_eq!(scene.of_account("").await["credit"]["amount"], "7.00", "{day:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_booked_without_the_merchants_tax_and_so_is_what_goes_back() {
    a_life_is_booked(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_repeated_late_and_forged_messages_book_the_same() {
    for seed in 1..=4 {
        a_life_is_booked(Some(seed)).await;
    }
}
