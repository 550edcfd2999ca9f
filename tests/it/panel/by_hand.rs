//! Payments by hand: awaited, said to be on their way, confirmed or rejected by an admin, and given
//! back by hand too.

use daybook::{config::Kind, http::server::Limits};
use serde_json::{Value, json};

use super::{admin, admin_get, order, order_now, user};
use crate::{
    bad_input::scene::{Scene, State},
    harness::{Customer, TestApp},
};

async fn ask(test: &TestApp, customer: &Customer, order: &Value, what: &str, body: Value) -> Value {
    let path = format!("/api/orders/{}/{what}", order["id"]);
    test.post(&path, &customer.key, &body).await.ok()
}

fn bank() -> Value {
    json!({ "methods": [
        { "id": "bank", "type": "bank_transfer", "label": "Bank transfer", "address": "GB33",
          "instructions": "Write the reference" },
        { "id": "btc", "type": "crypto", "label": "Bitcoin", "currency": "BTC", "network": "bitcoin" },
    ] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_goes_from_pending_over_the_transfer_to_active() {
    let test = TestApp::start().await;
    let customer = user(&test, "7").await;
    assert_eq!(
        test.get("/api/payments/methods", &customer.key).await.ok(),
        json!({ "methods": [{ "id": "manual", "type": "other", "label": "Manual payment" }] })
    );
    let set = admin(&test, "POST", "/api/admin/payment-methods", &bank()).await.ok();
    assert_eq!((&set["version"], &set["methods"]), (&json!(2), &bank()["methods"]));
    let kept = admin_get(&test, "/api/admin/payment-methods").await;
    assert_eq!(kept, json!({ "version": 2, "methods": bank()["methods"] }));
    let offered = test.get("/api/payments/methods", &customer.key).await.ok();
    assert_eq!(
        offered["methods"],
        json!([
            { "id": "bank", "type": "bank_transfer", "label": "Bank transfer" },
            { "id": "btc", "type": "crypto", "label": "Bitcoin", "currency": "BTC", "network": "bitcoin" },
        ])
    );

    let order = order(&test, &customer, "pro").await;
    let checkout =
        ask(&test, &customer, &order, "checkout", json!({ "paymentMethodId": "bank" })).await;
    assert_eq!(
        checkout,
        json!({
            "success": true,
            "order": { "id": 1, "status": "awaiting_payment", "paymentMethod": "bank", "paymentProvider": "manual" },
            "payment": {
                "type": "bank_transfer", "label": "Bank transfer", "address": "GB33",
                "instructions": "Write the reference", "amount": 15.00, "currency": "USD",
                "network": null, "reference": "bank-1",
            },
        })
    );
    let sent = ask(&test, &customer, &order, "mark-sent", json!({ "txId": "TX-77" })).await;
    assert_eq!(sent, json!({ "success": true, "status": "payment_sent" }));
    let path = "/api/orders/1/payment-status";
    let status = test.get(path, &customer.key).await.ok();
    assert_eq!(status["payment"], checkout["payment"]);
    assert_eq!(
        (&status["status"], &status["paymentTxId"]),
        (&json!("payment_sent"), &json!("TX-77"))
    );

    let notes = json!({ "notes": "seen on the statement" });
    let confirmed = admin(&test, "POST", "/api/admin/orders/1/confirm-payment", &notes).await.ok();
    assert_eq!(confirmed, json!({ "success": true, "order": { "id": 1, "status": "active" } }));
    test.settle().await;
    let now = order_now(&test, &customer, &order).await;
    assert_eq!((&now["status"], &now["paymentMethod"]), (&json!("active"), &json!("bank")));
    assert_eq!(now["expiresAt"], "2026-06-01T00:00:00.000000Z");
    let invoice = test.newest_invoice(&customer).await;
    assert_eq!(
        (&invoice["status"], &invoice["total"]["amount"]),
        (&json!("paid"), &json!("15.00"))
    );

    // Once and for all.
    for (path, code) in [
        ("/api/admin/orders/1/confirm-payment", "409 order_already_paid"),
        ("/api/admin/orders/1/reject-payment", "409 order_already_paid"),
    ] {
        test.refuses(path, &test.super_key, &json!({}), code).await;
    }
    for what in ["checkout", "mark-sent"] {
        let path = format!("/api/orders/1/{what}");
        let body =
            if what == "checkout" { json!({ "paymentMethodId": "bank" }) } else { json!({}) };
        test.refuses(&path, &customer.key, &body, "409 order_already_paid").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_confirms_from_every_open_state_and_rejects_what_never_came() {
    let test = TestApp::start().await;
    for steps in [&[][..], &["checkout"], &["checkout", "mark-sent"]] {
        let customer = test.customer().await;
        let order = order(&test, &customer, "pro").await;
        for step in steps {
            ask(&test, &customer, &order, step, json!({})).await;
        }
        let path =
            format!("/api/admin/orders/{}/confirm-payment", order["orderId"].as_str().unwrap());
        let body = json!({ "txId": "TX-1" });
        let confirmed = admin(&test, "POST", &path, &body).await.ok();
        assert_eq!(confirmed["order"]["status"], "active", "{steps:?}");
        test.settle().await;
        assert_eq!(order_now(&test, &customer, &order).await["paymentTxId"], "TX-1");
    }

    let customer = test.customer().await;
    let order = order(&test, &customer, "pro").await;
    ask(&test, &customer, &order, "checkout", json!({})).await;
    let path = format!("/api/admin/orders/{}/reject-payment", order["id"]);
    let body = json!({ "reason": "nothing came in three weeks" });
    let rejected = admin(&test, "POST", &path, &body).await.ok();
    assert_eq!(rejected["order"], json!({ "id": order["id"], "status": "cancelled" }));
    test.refuses(&path, &test.super_key, &json!({}), "409 order_not_open").await;
    let path = format!("/api/admin/orders/{}/confirm-payment", order["id"]);
    test.refuses(&path, &test.super_key, &json!({}), "409 order_not_open").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_on_the_way_is_refused_and_appends_nothing() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let placed = order(&test, &customer, "pro").await;
    let path = |what: &str| format!("/api/orders/{}/{what}", placed["id"]);
    let key = &customer.key;
    test.refuses(&path("mark-sent"), key, &json!({}), "409 payment_not_awaited").await;
    let unknown = json!({ "paymentMethodId": "cash" });
    test.refuses(&path("checkout"), key, &unknown, "404 payment_method_unknown").await;
    let tab = json!({ "txId": "a\tb" });
    test.post(&path("checkout"), key, &json!({})).await.ok();
    test.refuses(&path("checkout"), key, &json!({}), "409 checkout_already_started").await;
    test.refuses(&path("mark-sent"), key, &tab, "422 transaction_invalid").await;
    test.post(&path("mark-sent"), key, &json!({})).await.ok();
    test.refuses(&path("mark-sent"), key, &json!({}), "409 payment_already_sent").await;

    // What is another customer's looks like what is not there.
    let other = test.customer().await;
    for what in ["checkout", "mark-sent", "cancel"] {
        for id in [placed["id"].to_string(), "999".to_owned()] {
            let path = format!("/api/orders/{id}/{what}");
            test.refuses(&path, &other.key, &json!({}), "404 not_found").await;
        }
    }
    let methods = "/api/admin/payment-methods";
    let many: Vec<_> =
        (0..21).map(|n| json!({ "id": format!("m{n}"), "type": "other", "label": "x" })).collect();
    for (methods_given, code) in [
        (json!(many), "422 payment_methods_invalid"),
        (json!([{ "id": "A B", "type": "other", "label": "x" }]), "422 payment_methods_invalid"),
        (json!([{ "id": "a", "type": "cash", "label": "x" }]), "400 json_shape"),
        (json!([["a", "other", "x"]]), "400 json_shape"),
    ] {
        let body = json!({ "methods": methods_given });
        test.refuses(methods, &test.super_key, &body, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_is_answered_alike_even_when_its_method_is_gone() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let placed = order(&test, &customer, "pro").await;
    let path = format!("/api/orders/{}/checkout", placed["id"]);
    let body = json!({ "paymentMethodId": "manual" });
    let first = test.post_keyed(&path, &customer.key, "k", &body).await;
    admin(&test, "POST", "/api/admin/payment-methods", &bank()).await.ok();
    admin(
        &test,
        "POST",
        &format!("/api/admin/orders/{}/confirm-payment", placed["id"]),
        &json!({}),
    )
    .await
    .ok();
    let again = test.post_keyed(&path, &customer.key, "k", &body).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(first.ok()["payment"]["reference"], "manual-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_paid_by_hand_goes_back_by_hand() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, names) = scene.enter(State::RefundedByHand).await;
    let refund = format!("/api/refunds/{}", names["refund"]);
    let outcome = format!("{refund}/outcome");
    // No processor was asked, so none has answered.
    test.settle().await;
    assert_eq!(test.get(&refund, &customer.key).await.ok()["status"], "requested");

    let key = &test.super_key;
    let said = |outcome: &str| json!({ "outcome": outcome, "reference": "SEPA 17" });
    test.refuses(&outcome, key, &json!({ "outcome": "lost", "reference": "r" }), "400 json_shape")
        .await;
    let empty = json!({ "outcome": "failed", "reference": " " });
    test.refuses(&outcome, key, &empty, "400 invalid_request").await;
    let failed = test.post(&outcome, key, &said("failed")).await.ok();
    assert_eq!((&failed["status"], &failed["failure"]), (&json!("failed"), &json!("SEPA 17")));
    let sent = test.post(&outcome, key, &said("processed")).await.ok();
    assert_eq!(sent["status"], "processed");
    assert_eq!(sent["processor_refund_id"], "SEPA 17");
    test.refuses(&outcome, key, &said("processed"), "409 refund_already_settled").await;
    let elsewhere = json!({ "outcome": "returned", "reference": "SEPA 18" });
    test.refuses(&outcome, key, &elsewhere, "400 invalid_request").await;
    let back = test.post(&outcome, key, &said("returned")).await.ok();
    assert_eq!((&back["status"], &back["sent"]["amount"]), (&json!("failed"), &json!("0.00")));
    test.refuses(&outcome, key, &said("returned"), "409 refund_already_settled").await;
    let again = json!({ "outcome": "processed", "reference": "SEPA 18" });
    let sent = test.post(&outcome, key, &again).await.ok();
    assert_eq!((&sent["status"], &sent["sent"]), (&json!("processed"), &sent["amount"]));
    let listed = test.get("/api/refunds", key).await.ok();
    assert!(listed["data"].as_array().unwrap().contains(&sent), "{listed}");

    let (_, by_processor) = scene.enter(State::Refunded).await;
    let outcome = format!("/api/refunds/{}/outcome", by_processor["refund"]);
    test.refuses(&outcome, key, &said("processed"), "409 refund_not_by_hand").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_without_a_processor_gives_back_what_was_paid_by_hand() {
    let test = TestApp::start_as(Kind::Live, Limits::default()).await;
    let customer = test.customer().await;
    let apply = format!("/api/admin/users/{}/apply-plan", customer.account_id);
    test.post(&apply, &test.super_key, &json!({ "planId": "pro" })).await.ok();
    let body = json!({ "reason": "customer_request" });
    let refunded = test.post("/api/refunds", &customer.key, &body).await.ok();
    assert_eq!(refunded["refunds"][0]["status"], "requested");
}
