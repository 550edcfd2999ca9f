//! One customer, from checkout to refund, and what every view says of it.

use daybook::{config::Kind, http::server::Limits};
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_from_checkout_to_refund() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me["status"], "active");
    assert_eq!(me["amount"], "15.00");
    assert_eq!(me["currentPeriodEnd"], "2026-06-01T00:00:00.000000Z");

    test.at("2026-05-16T12:00:00Z");
    let change = json!({ "planId": "business" });
    let preview = test.post("/api/billing/plan-change/preview", &customer.key, &change).await.ok();
    let changed = test.post("/api/billing/plan-change", &customer.key, &change).await.ok();
    for field in ["credit", "charge", "creditApplied", "amountDue", "effectiveAt"] {
        assert_eq!(preview[field], changed[field], "{field}");
    }
    assert_eq!(changed["amountDue"], "12.00");
    let paid = test.pay(&changed["checkout"]).await;
    test.confirm(&customer, &paid).await;

    let cancelled = test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    assert_eq!(cancelled["effectiveAt"], "2026-06-01T00:00:00.000000Z");
    test.post("/api/billing/resume", &customer.key, &json!({})).await.ok();

    let body = json!({ "reason": "customer_request" });
    let refunded = test.post("/api/refunds", &customer.key, &body).await.ok();
    let amounts: Vec<_> = refunded["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| refund["amount"]["amount"].as_str().unwrap())
        .collect();
    // Half of business for half a month: 12.00 of the second payment, the rest of the first.
    assert_eq!(amounts, ["12.00", "7.50"]);

    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!((&me["status"], &me["endReason"]), (&json!("ended"), &json!("refunded")));
    let (exit, out, err) = test.db.daybook(&["verify"]).await;
    assert_eq!(exit, 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_ledger_without_a_processor_takes_no_order() {
    let test = TestApp::start_as(Kind::Live, Limits::default()).await;
    let customer = test.customer().await;
    let before = test.log_position().await;
    let checkout = json!({ "planId": "pro", "billingCycle": "monthly" });
    let change = json!({ "planId": "pro" });
    let refund = json!({ "reason": "customer_request" });
    let address = "https://panel.example/";
    let returning = json!({ "plan": "pro", "success_url": address, "cancel_url": address });
    for (path, body) in [
        ("/api/billing/checkout", checkout),
        ("/api/billing/plan-change", change),
        ("/api/v1/billing/checkout", returning),
    ] {
        test.post(path, &customer.key, &body).await.refused(503, "processor_unavailable");
    }
    test.post("/api/refunds", &customer.key, &refund).await.refused(404, "no_subscription");
    let path = "/sandbox/checkout/order_AAAAAAAAAAAAAAAAAAAA";
    test.get(path, "").await.refused(404, "not_found");
    assert_eq!(test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_paid_twice_is_fulfilled_once_and_the_other_payment_is_credit() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "pro").await;
    let paid = test.pay(&checkout).await;
    // Who presses once more pays once; a second payment is signed as the sandbox would.
    assert_eq!(paid, test.pay(&checkout).await);
    let keys = &test.app.sandbox.as_ref().unwrap().keys;
    let order = paid["orderId"].as_str().unwrap();
    let payment = keys.payment_id(order, "paid again");
    let signature = keys.sign(order, &payment);
    let again = json!({ "paymentId": payment, "orderId": order, "signature": signature });
    assert_ne!(paid["paymentId"], again["paymentId"]);
    let confirm = |paid| test.post("/api/billing/checkout/confirm", &customer.key, paid);
    let told = [&paid, &again, &again, &paid, &paid, &again].map(confirm);
    let told = futures_util::future::join_all(told).await;
    for answer in &told {
        let known = answer.status == 200 || answer.code() == "payment_already_confirmed";
        assert!(known, "{}", answer.text);
    }
    assert_eq!(told.iter().filter(|answer| answer.status == 200).count(), 2);
    let account = format!("/api/accounts/{}", customer.account_id);
    let payments = test.get(&format!("{account}/payments"), &customer.key).await.ok();
    let price = payments["data"][0]["amount"].clone();
    assert_eq!(payments["data"].as_array().unwrap().len(), 2);
    assert_eq!(test.get(&account, &customer.key).await.ok()["credit"], price);
    let invoices = test.get(&format!("{account}/invoices"), &customer.key).await.ok();
    assert_eq!(invoices["data"].as_array().unwrap().len(), 1);
}
