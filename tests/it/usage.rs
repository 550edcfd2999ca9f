//! Usage over HTTP: what is counted and set aside, and what the limits then refuse.

use daybook_events::ids::{Id, ReservationId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Customer, TestApp};

struct Panel {
    test: TestApp,
    customer: Customer,
    usage: String,
}

impl Panel {
    async fn of(plan: &str) -> Self {
        let test = TestApp::start().await;
        let customer = test.subscriber(plan).await;
        let usage = format!("/api/accounts/{}/usage", customer.account_id);
        Self { test, customer, usage }
    }

    async fn report(&self, used: u64) {
        let body = json!({ "limit": "max_servers", "used": used });
        self.test.post(&self.usage, &self.test.super_key, &body).await.ok();
    }

    async fn reserve(&self, quantity: u64) -> crate::harness::Answered {
        let body = json!({ "limit": "max_servers", "quantity": quantity });
        let path = format!("{}/reservations", self.usage);
        self.test.post(&path, &self.test.super_key, &body).await
    }

    /// What is shown of the servers.
    async fn servers(&self) -> Value {
        let shown = self.test.get(&self.usage, &self.customer.key).await.ok();
        let limits = shown["limits"].as_array().unwrap();
        limits.iter().find(|limit| limit["limit"] == "max_servers").unwrap().clone()
    }
}

fn taken(limit: &Value) -> [u64; 4] {
    ["allowed", "used", "reserved", "left"].map(|name| limit[name].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn room_is_set_aside_counted_and_given_back() {
    let panel = Panel::of("starter").await;
    assert_eq!(taken(&panel.servers().await), [5, 0, 0, 5]);
    panel.report(3).await;
    let first = panel.reserve(1).await.ok();
    let second = panel.reserve(1).await.ok();
    assert_eq!((&first["left"], &second["left"]), (&json!(1), &json!(0)));
    assert_eq!(taken(&panel.servers().await), [5, 3, 2, 0]);

    let counted = json!({ "limit": "max_servers", "used": 4, "settles": first["reservation_id"] });
    panel.test.post(&panel.usage, &panel.test.super_key, &counted).await.ok();
    assert_eq!(taken(&panel.servers().await), [5, 4, 1, 0]);
    let id = second["reservation_id"].as_str().unwrap();
    let path = format!("{}/reservations/{id}/release", panel.usage);
    panel.test.post(&path, &panel.test.super_key, &json!({})).await.ok();
    assert_eq!(taken(&panel.servers().await), [5, 4, 0, 1]);
    let again = "404 reservation_unknown";
    panel.test.refuses(&path, &panel.test.super_key, &json!({}), again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limit_the_refusal_names_the_way_up() {
    let panel = Panel::of("starter").await;
    panel.report(5).await;
    let before = panel.test.log_position().await;
    let answer = panel.reserve(1).await;
    assert_eq!((answer.status, &*answer.code()), (409, "plan_limit_exceeded"));
    let error = answer.json()["error"].clone();
    assert_eq!((&error["limit"], &error["allowed"]), (&json!("max_servers"), &json!(5)));
    assert_eq!(error["upgrade"], "pro");
    let url = error["upgrade_url"].as_str().unwrap();
    assert!(url.ends_with("/billing?upgrade=pro"), "{url}");
    assert_eq!(panel.test.log_position().await, before);

    // Nobody offers that many.
    let error = panel.reserve(1000).await.json()["error"].clone();
    assert_eq!((&error["upgrade"], &error["upgrade_url"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_below_what_is_used_is_refused() {
    let panel = Panel::of("pro").await;
    panel.report(6).await;
    let test = &panel.test;
    for at_period_end in [false, true] {
        let body = json!({ "planId": "starter", "atPeriodEnd": at_period_end });
        let expected = "409 usage_exceeds_plan";
        test.refuses("/api/billing/plan-change", &panel.customer.key, &body, expected).await;
        let preview = "/api/billing/plan-change/preview";
        test.refuses(preview, &panel.customer.key, &body, expected).await;
    }
    panel.report(5).await;
    let body = json!({ "planId": "starter" });
    test.post("/api/billing/plan-change", &panel.customer.key, &body).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_makes_no_sense_is_refused() {
    let panel = Panel::of("pro").await;
    let (test, key) = (&panel.test, &panel.test.super_key);
    let stranger = ReservationId::from_uuid(Uuid::now_v7());
    for (body, expected) in [
        (json!({ "limit": "max servers", "used": 1 }), "422 usage_invalid"),
        (json!({ "limit": "", "used": 1 }), "422 usage_invalid"),
        (json!({ "limit": "max_servers", "used": 1_000_000_000_001_u64 }), "422 usage_invalid"),
        (json!({ "limit": "max_servers", "used": -1 }), "400 json_shape"),
        (json!({ "limit": "max_servers", "used": 1.5 }), "400 json_shape"),
        (json!({ "limit": "max_servers", "used": 1, "settles": "res_1" }), "400 json_shape"),
        (
            json!({ "limit": "max_servers", "used": 1, "settles": stranger }),
            "404 reservation_unknown",
        ),
    ] {
        test.refuses(&panel.usage, key, &body, expected).await;
    }
    let reserve = format!("{}/reservations", panel.usage);
    for (body, expected) in [
        (json!({ "limit": "max_servers", "quantity": 0 }), "422 amount_not_positive"),
        (json!({ "limit": "moons", "quantity": 1 }), "404 limit_unknown"),
        (json!({ "limit": "max_servers" }), "400 json_missing_field"),
    ] {
        test.refuses(&reserve, key, &body, expected).await;
    }
    let release = format!("{reserve}/nonsense/release");
    test.refuses(&release, key, &json!({}), "404 not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_run_the_ledger_count_and_everybody_of_the_account_looks() {
    let panel = Panel::of("pro").await;
    let test = &panel.test;
    let body = json!({ "limit": "max_servers", "used": 0 });
    test.refuses(&panel.usage, &panel.customer.key, &body, "403 forbidden").await;
    let other = test.customer().await;
    test.get(&panel.usage, &other.key).await.refused(404, "not_found");
    let shown =
        test.get(&format!("/api/accounts/{}/usage", other.account_id), &other.key).await.ok();
    assert_eq!((&shown["plan"], &shown["limits"]), (&Value::Null, &json!([])));
    let reserve = format!("/api/accounts/{}/usage/reservations", other.account_id);
    let body = json!({ "limit": "max_servers", "quantity": 1 });
    test.refuses(&reserve, &test.super_key, &body, "404 no_subscription").await;
}
