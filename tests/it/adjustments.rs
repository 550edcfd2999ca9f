//! Adjustments by hand over HTTP, each with what undoes it, and every refusal.

use daybook_events::ids::{AccountId, AdjustmentId, Id, InvoiceId, OrderId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{Customer, TestApp};

fn path(customer: &Customer, rest: &str) -> String {
    format!("/api/accounts/{}/{rest}", customer.account_id)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

async fn account(test: &TestApp, customer: &Customer) -> Value {
    test.get(&format!("/api/accounts/{}", customer.account_id), &customer.key).await.ok()
}

/// A customer whose renewal of 1 June is not paid.
async fn owing(test: &TestApp) -> (Customer, Value) {
    let customer = test.subscriber("pro").await;
    test.at("2026-06-01T00:00:00Z");
    test.settle_due(&customer).await;
    let invoice = test.newest_invoice(&customer).await;
    assert_eq!(invoice["status"], "open");
    (customer, invoice)
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_given_once_and_taken_back_once() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let body = json!({ "amount": "4.00", "reason": "an outage" });
    let given = test.post(&path(&customer, "credit"), &test.super_key, &body).await;
    assert_eq!(given.status, 201);
    let given = given.json();
    assert_eq!(given["amount"], json!({ "amount": "4.00", "currency": "USD" }));
    assert_eq!(given["reason"], "an outage");
    assert_eq!(account(&test, &customer).await["credit"]["amount"], "4.00");

    let checkout = test.checkout(&customer, "pro").await;
    assert_eq!(
        (&checkout["amount"], &checkout["creditApplied"]),
        (&json!("11.00"), &json!("4.00"))
    );

    let undo = path(&customer, &format!("adjustments/{}/undo", text(&given["adjustment_id"])));
    let why = json!({ "reason": "the wrong customer" });
    let undone = test.post(&undo, &test.super_key, &why).await.ok();
    assert_eq!(
        (&undone["adjusted"], &undone["adjustment_id"]),
        (&json!("credit"), &given["adjustment_id"])
    );
    assert_eq!(account(&test, &customer).await["credit"]["amount"], "0.00");
    test.refuses(&undo, &test.super_key, &why, "409 adjustment_already_undone").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_that_is_spent_is_not_taken_back() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let body = json!({ "amount": "20.00", "currency": "USD", "reason": "welcome" });
    let given = test.post(&path(&customer, "credit"), &test.super_key, &body).await.ok();
    let fulfilled = test.checkout(&customer, "pro").await;
    assert_eq!((&fulfilled["status"], &fulfilled["amount"]), (&json!("active"), &json!("0.00")));
    assert_eq!(fulfilled["invoice"]["total"], "15.00");
    let undo = path(&customer, &format!("adjustments/{}/undo", text(&given["adjustment_id"])));
    let why = json!({ "reason": "too late" });
    test.refuses(&undo, &test.super_key, &why, "409 credit_already_used").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_off_brings_the_subscription_back_and_can_be_undone() {
    let test = TestApp::start().await;
    let (customer, invoice) = owing(&test).await;
    test.at("2026-06-09T00:00:00Z");
    test.settle_due(&customer).await;
    let me = async || test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me().await["status"], "past_due");

    let id = text(&invoice["invoice_id"]);
    let write_off = path(&customer, &format!("invoices/{id}/write-off"));
    let why = json!({ "reason": "not worth the stamp" });
    let written_off = test.post(&write_off, &test.super_key, &why).await.ok();
    assert_eq!(written_off["amount"]["amount"], "15.00");
    assert_eq!(written_off["recovered_subscription_id"], me().await["id"]);
    assert_eq!(me().await["status"], "active");
    assert_eq!(test.newest_invoice(&customer).await["status"], "written_off");
    test.refuses(&write_off, &test.super_key, &why, "409 invoice_not_open").await;
    let note = path(&customer, &format!("invoices/{id}/credit-note"));
    test.refuses(&note, &test.super_key, &why, "409 invoice_is_written_off").await;

    let adjustment = text(&written_off["adjustment_id"]);
    let undo = path(&customer, &format!("adjustments/{adjustment}/undo"));
    test.post(&undo, &test.super_key, &why).await.ok();
    assert_eq!(test.newest_invoice(&customer).await["status"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_of_what_is_overdue_says_that_the_subscription_is_back() {
    let test = TestApp::start().await;
    let (customer, invoice) = owing(&test).await;
    test.at("2026-06-16T00:00:00Z");
    test.settle_due(&customer).await;
    let me = async || test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me().await["status"], "suspended");
    let change = json!({ "planId": "business" });
    let overdue = "409 subscription_past_due";
    test.refuses("/api/billing/plan-change", &customer.key, &change, overdue).await;

    let pay = format!("/api/billing/invoices/{}/checkout", text(&invoice["invoice_id"]));
    let checkout = test.post(&pay, &customer.key, &json!({})).await.ok();
    let confirmed = test.pay_and_confirm(&customer, &checkout).await;
    let subscription = &confirmed["subscription"];
    assert_eq!(
        (&subscription["status"], &subscription["recovered"]),
        (&json!("active"), &json!(true))
    );
    assert_eq!(confirmed["invoice"]["id"], invoice["invoice_id"]);
    assert_eq!(me().await["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_taken_back_in_part_and_then_whole() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let id = test.newest_invoice(&customer).await["invoice_id"].clone();
    let note = path(&customer, &format!("invoices/{}/credit-note", text(&id)));
    let part = json!({ "amount": "5.00", "reason": "half a month of outages" });
    let part = test.post(&note, &test.super_key, &part).await;
    assert_eq!(part.status, 201);
    let part = part.json();
    assert_eq!(part["number"], "CN-2026-000001");
    assert_eq!(part["totals"]["total"]["amount"], "5.00");
    assert_eq!(
        (&part["to_credit"]["amount"], &part["reduces_due"]["amount"]),
        (&json!("5.00"), &json!("0.00"))
    );
    let too_much = json!({ "amount": "10.01", "reason": "r" });
    test.refuses(&note, &test.super_key, &too_much, "409 credit_exceeds_invoice").await;
    let rest = test.post(&note, &test.super_key, &json!({ "reason": "the rest" })).await.ok();
    assert_eq!(rest["total"]["amount"], "10.00");
    let nothing = json!({ "reason": "once more" });
    test.refuses(&note, &test.super_key, &nothing, "409 credit_exceeds_invoice").await;
    assert_eq!(test.newest_invoice(&customer).await["status"], "credited");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_cancelled_by_those_who_manage_the_account() {
    let test = TestApp::start().await;
    let (customer, other) = (test.customer().await, test.customer().await);
    let checkout = test.checkout(&customer, "pro").await;
    let order = text(&checkout["order"]["id"]).to_owned();
    let cancel = path(&customer, &format!("orders/{order}/cancel"));
    test.refuses(&cancel, &other.key, &json!({}), "404 not_found").await;
    let foreign = path(&other, &format!("orders/{order}/cancel"));
    test.refuses(&foreign, &other.key, &json!({}), "404 order_unknown").await;
    let cancelled =
        test.post(&cancel, &customer.key, &json!({ "reason": "changed my mind" })).await;
    assert_eq!(cancelled.ok(), json!({ "order_id": order, "status": "cancelled" }));
    test.refuses(&cancel, &customer.key, &json!({}), "409 order_not_open").await;

    let paid = test.subscriber("pro").await;
    let orders = test.get(&path(&paid, "orders"), &paid.key).await.ok();
    let paid_order = text(&orders["data"][0]["order_id"]).to_owned();
    let cancel = path(&paid, &format!("orders/{paid_order}/cancel"));
    test.refuses(&cancel, &paid.key, &json!({}), "409 order_already_paid").await;

    let (owing, _) = owing(&test).await;
    let orders = test.get(&path(&owing, "orders"), &owing.key).await.ok();
    let open = text(&orders["data"].as_array().unwrap().last().unwrap()["order_id"]).to_owned();
    let cancel = path(&owing, &format!("orders/{open}/cancel"));
    test.refuses(&cancel, &owing.key, &json!({}), "409 order_pays_invoice").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runaway_is_parked_its_caller_is_told_and_it_is_released() {
    let test = TestApp::start().await;
    let bound = json!({ "invoice_lines_per_day": 2 });
    test.post("/api/ledger/policy", &test.super_key, &bound).await.ok();
    let customer = test.subscriber("pro").await;
    let change = async |plan: &str| {
        let body = json!({ "planId": plan });
        test.post("/api/billing/plan-change", &customer.key, &body).await
    };
    change("starter").await.ok();
    let preview = json!({ "planId": "pro" });
    let parked = "409 account_parked";
    test.refuses("/api/billing/plan-change/preview", &customer.key, &preview, parked).await;
    let before = test.log_position().await;
    let answer = change("pro").await;
    assert!(answer.text.contains("until it is released"), "{}", answer.text);
    answer.refused(409, "account_parked");
    // That it was parked is all that was written, and it stays so.
    assert_eq!(test.log_position().await, before + 1);
    change("business").await.refused(409, "account_parked");
    assert_eq!(test.log_position().await, before + 1);

    let release = path(&customer, "release");
    let why = json!({ "reason": "a script gone wild" });
    test.refuses(&release, &customer.key, &why, "403 forbidden").await;
    test.refuses(&release, &test.super_key, &json!({ "reason": " " }), "422 reason_required").await;
    let released = test.post(&release, &test.super_key, &why).await.ok();
    assert_eq!(released["status"], "released");
    test.refuses(&release, &test.super_key, &why, "409 account_not_parked").await;
    test.at("2026-05-02T00:00:00Z");
    change("pro").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjustment_that_makes_no_sense_is_refused() {
    let test = TestApp::start().await;
    let (customer, invoice) = owing(&test).await;
    let key = &test.super_key;
    let long = "x".repeat(501);
    let credit = path(&customer, "credit");
    for (body, expected) in [
        (json!({ "amount": "0", "reason": "r" }), "422 amount_not_positive"),
        (json!({ "amount": "-1", "reason": "r" }), "422 amount_not_positive"),
        (json!({ "amount": "1.001", "reason": "r" }), "422 amount_too_precise"),
        (json!({ "amount": "a lot", "reason": "r" }), "422 amount_malformed"),
        (json!({ "amount": 1, "reason": "r" }), "400 json_shape"),
        (json!({ "amount": "1", "currency": "EUR", "reason": "r" }), "422 currency_mismatch"),
        (json!({ "amount": "1", "currency": "XYZ", "reason": "r" }), "422 currency_unknown"),
        (json!({ "amount": "1", "reason": "" }), "422 reason_required"),
        (json!({ "amount": "1", "reason": long }), "400 invalid_request"),
        (json!({ "amount": "1" }), "400 json_missing_field"),
    ] {
        test.refuses(&credit, key, &body, expected).await;
    }
    let owner = json!({ "amount": "1", "reason": "r" });
    test.refuses(&credit, &customer.key, &owner, "403 forbidden").await;

    let why = json!({ "reason": "r" });
    let nobody = AccountId::from_uuid(Uuid::now_v7());
    let to_nobody = format!("/api/accounts/{nobody}/credit");
    test.refuses(&to_nobody, key, &owner, "404 account_unknown").await;
    let missing = InvoiceId::from_uuid(Uuid::now_v7());
    for (rest, expected) in [
        (format!("invoices/{missing}/write-off"), "404 invoice_unknown"),
        (format!("invoices/{missing}/credit-note"), "404 invoice_unknown"),
        ("invoices/INV-2026-000001/write-off".to_owned(), "404 not_found"),
        (
            format!("adjustments/{}/undo", AdjustmentId::from_uuid(Uuid::now_v7())),
            "404 adjustment_unknown",
        ),
        ("adjustments/adj_1/undo".to_owned(), "404 not_found"),
        (format!("orders/{}/cancel", OrderId::from_uuid(Uuid::now_v7())), "404 order_unknown"),
        ("orders/1/cancel".to_owned(), "404 not_found"),
    ] {
        test.refuses(&path(&customer, &rest), key, &why, expected).await;
    }
    let note = path(&customer, &format!("invoices/{}/credit-note", text(&invoice["invoice_id"])));
    for (body, expected) in [
        (json!({ "amount": "0", "reason": "r" }), "422 amount_not_positive"),
        (json!({ "amount": "1", "currency": "EUR", "reason": "r" }), "422 currency_mismatch"),
        (json!({ "reason": "  " }), "422 reason_required"),
        (json!({ "amount": "1" }), "400 json_missing_field"),
    ] {
        test.refuses(&note, key, &body, expected).await;
    }
}
