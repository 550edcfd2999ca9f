//! Apply a plan to a user, in every case that there is, and take it away.

use serde_json::{Value, json};

use super::{admin, admin_get, order, user};
use crate::harness::{Answered, TestApp};

async fn apply(test: &TestApp, user: &str, body: Value) -> Answered {
    let answer = admin(test, "POST", &format!("/api/admin/users/{user}/apply-plan"), &body).await;
    test.settle().await;
    answer
}

async fn current(test: &TestApp, user: &str) -> Value {
    admin_get(test, &format!("/api/admin/users/{user}/current-plan")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_order_one_is_made_and_paid() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    let body = json!({ "planId": "pro", "notes": "paid by wire" });
    let applied = apply(&test, "5", body).await.ok();
    let order = &applied["order"];
    assert_eq!((&order["status"], &order["planId"]), (&json!("active"), &json!(3)));
    assert_eq!(
        (&order["notes"], &order["paymentProvider"]),
        (&json!("paid by wire"), &json!("manual"))
    );
    let invoice = test.newest_invoice(&customer).await;
    assert_eq!(invoice["status"], "paid");
    apply(&test, "5", json!({ "planId": "3" })).await.refused(409, "plan_unchanged");
    let account =
        test.get(&format!("/api/accounts/{}", customer.account_id), &customer.key).await.ok();
    assert_eq!(account["plan_type"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_for_an_upgrade_is_approved_and_a_move_without_one_is_paid() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    let free = order(&test, &customer, "free").await;
    assert_eq!(free["status"], "active");
    // An upgrade waits for its payment.
    let upgrade = order(&test, &customer, "pro").await;
    assert_eq!((&upgrade["status"], &upgrade["amount"]), (&json!("pending"), &json!(15.00)));
    assert_eq!(current(&test, "5").await["plans"][0]["plan"]["slug"], "free");
    let applied = apply(&test, "5", json!({ "planId": 3 })).await.ok();
    assert_eq!(applied["order"]["planName"], "Pro");
    let now = current(&test, "5").await;
    assert_eq!(now["plans"][0]["plan"]["slug"], "pro");
    let statuses: Vec<_> =
        now["orders"].as_array().unwrap().iter().map(|order| &order["status"]).collect();
    assert_eq!(statuses, ["active", "active"]);

    apply(&test, "5", json!({ "planId": "business" })).await.ok();
    let now = current(&test, "5").await;
    assert_eq!(now["plans"][0]["plan"]["slug"], "business");
    let account = format!("/api/accounts/{}/invoices", customer.account_id);
    let invoices = test.get(&account, &customer.key).await.ok();
    let open = |row: &&Value| row["status"] == "open";
    assert_eq!(invoices["data"].as_array().unwrap().iter().filter(open).count(), 0, "{invoices}");
    // A downgrade costs nothing: it happens without an order.
    let down = test.post("/api/orders", &customer.key, &json!({ "planId": "starter" })).await.ok();
    assert_eq!(
        (&down["autoActivated"], &down["order"]["planName"]),
        (&json!(true), &json!("Starter"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_a_while_costs_nothing_and_ends_by_itself() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    let until = "2026-05-20T00:00:00Z";
    let body = json!({ "planId": 3, "temporary": true, "expiresAt": until });
    let applied = apply(&test, "5", body.clone()).await.ok();
    assert_eq!(
        (&applied["order"]["status"], &applied["order"]["amount"]),
        (&json!("active"), &json!(0.00))
    );
    assert_eq!(applied["order"]["expiresAt"], "2026-05-20T00:00:00.000000Z");
    apply(&test, "5", body).await.refused(409, "subscription_exists");
    test.at(until);
    test.settle_due(&customer).await;
    let over = current(&test, "5").await;
    assert_eq!((&over["plans"], &over["orders"][0]["status"]), (&json!([]), &json!("cancelled")));
    let invoices = test.get("/api/billing/invoices", &customer.key).await.ok();
    assert_eq!(invoices, json!([]));

    let past = json!({ "planId": 3, "temporary": true, "expiresAt": "2026-05-01T00:00:00Z" });
    apply(&test, "5", past).await.refused(422, "grant_invalid");
    let for_good = json!({ "planId": 3, "expiresAt": "2026-07-01T00:00:00Z" });
    apply(&test, "5", for_good).await.refused(422, "grant_invalid");
    let no_date = json!({ "planId": 3, "temporary": true, "expiresAt": "soon" });
    apply(&test, "5", no_date).await.refused(400, "json_shape");
    let month = json!({ "planId": 3, "temporary": true });
    let applied = apply(&test, "5", month).await.ok();
    assert_eq!(applied["order"]["expiresAt"], "2026-06-20T00:00:00.000000Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_named_by_any_id_and_missing_ones_look_like_foreign_ones() {
    let test = TestApp::start().await;
    user(&test, "team a/b+c ü").await;
    let encoded = "team%20a%2Fb%2Bc%20%C3%BC";
    let applied = apply(&test, encoded, json!({ "planId": 3 })).await.ok();
    assert_eq!(applied["order"]["userId"], "team a/b+c ü");
    apply(&test, "nobody", json!({ "planId": 3 })).await.refused(404, "account_unknown");

    let own = test.customer().await;
    let role = daybook_events::event::Role::Auditor;
    let auditor = test.key(role, Some(&own.account_id)).await;
    let mine = format!("/api/admin/users/{}/current-plan", own.account_id);
    test.get(&mine, &auditor).await.ok();
    let mut answers = Vec::new();
    for user in [encoded, "nobody", "%FF", "acc_00000000000000000000000000000000"] {
        let path = format!("/api/admin/users/{user}/current-plan");
        let answer = test.get(&path, &auditor).await;
        answers.push((answer.status, answer.code(), answer.text));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].0, 404);
    test.get("/api/admin/users/nobody/current-plan", &test.super_key)
        .await
        .refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_a_plan_cancels_open_orders_too() {
    let test = TestApp::start().await;
    let customer = user(&test, "5").await;
    order(&test, &customer, "pro").await;
    let path = "/api/admin/users/5/cancel-plan";
    admin(&test, "POST", path, &json!({})).await.ok();
    test.settle().await;
    assert_eq!(current(&test, "5").await["orders"][0]["status"], "cancelled");
    test.refuses(path, &test.super_key, &json!({}), "404 no_subscription").await;
}
