//! Previews that bind: a token makes exactly the change that was shown, or none.

use serde_json::{Value, json};

use crate::harness::{Answered, Customer, TestApp};

const CHANGE: &str = "/api/billing/plan-change";
const PREVIEW: &str = "/api/billing/plan-change/preview";
const FIGURES: [&str; 7] =
    ["status", "credit", "charge", "creditApplied", "amountDue", "effectiveAt", "currency"];

async fn preview(test: &TestApp, customer: &Customer, body: &Value) -> Value {
    test.post(PREVIEW, &customer.key, body).await.ok()
}

fn with_token(mut body: Value, preview: &Value) -> Value {
    body["previewToken"] = preview["previewToken"].clone();
    assert!(body["previewToken"].is_string(), "{preview}");
    body
}

async fn change(test: &TestApp, customer: &Customer, body: &Value) -> Answered {
    test.post(CHANGE, &customer.key, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_exactly_the_change_that_was_shown() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-05-16T12:00:00Z");
    let body = json!({ "planId": "business" });
    let before = test.log_position().await;
    let shown = preview(&test, &customer, &body).await;
    assert_eq!(test.log_position().await, before);
    assert_eq!((&shown["preview"], &shown["binding"]), (&json!(true), &json!(true)));
    assert_eq!(shown["expiresAt"], "2026-05-16T12:15:00.000000Z");
    assert_eq!(shown["invoice"]["number"], Value::Null);
    assert_eq!(shown["creditNotes"][0]["number"], Value::Null);

    // Minutes later the same change would come to less.
    test.at("2026-05-16T12:14:59Z");
    assert_ne!(preview(&test, &customer, &body).await["charge"], shown["charge"]);
    let changed = change(&test, &customer, &with_token(body, &shown)).await.ok();
    for figure in FIGURES {
        assert_eq!(changed[figure], shown[figure], "{figure}");
    }
    assert_eq!(changed["invoice"]["totals"], shown["invoice"]["totals"]);
    assert_eq!(changed["checkout"]["amount"], shown["amountDue"]);
    test.pay_and_confirm(&customer, &changed["checkout"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_once_and_a_retry_under_its_key_hears_the_same() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let body = json!({ "planId": "business" });
    let shown = preview(&test, &customer, &body).await;
    let body = with_token(body, &shown);
    let first = test.post_keyed(CHANGE, &customer.key, "k", &body).await;
    let again = test.post_keyed(CHANGE, &customer.key, "k", &body).await;
    assert_eq!((first.status, &first.text), (200, &again.text));
    change(&test, &customer, &body).await.refused(409, "plan_unchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forged_or_of_another_change_is_refused() {
    let test = TestApp::start().await;
    let (customer, other) = (test.subscriber("pro").await, test.subscriber("pro").await);
    let body = json!({ "planId": "business" });
    let shown = preview(&test, &customer, &body).await;
    let token = shown["previewToken"].as_str().unwrap().to_owned();
    let invalid = "422 preview_token_invalid";
    let (text, mac) = token.split_once('.').unwrap();
    let mut richer = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
    let at = richer.iter().position(|byte| *byte == b'6').unwrap();
    richer[at] = b'7';
    let richer = data_encoding::BASE64URL_NOPAD.encode(&richer);
    for forged in [
        String::new(),
        ".".to_owned(),
        "letmein".to_owned(),
        text.to_owned(),
        format!("{richer}.{mac}"),
        format!("{token}A"),
        format!("{text}.{}", "A".repeat(43)),
        "x".repeat(100_000),
    ] {
        let body = json!({ "planId": "business", "previewToken": forged });
        test.refuses(CHANGE, &customer.key, &body, invalid).await;
    }
    for (key, body) in [
        (&other.key, json!({ "planId": "business" })),
        (&customer.key, json!({ "planId": "starter" })),
        (&customer.key, json!({ "planId": "business", "billingCycle": "yearly" })),
        (&customer.key, json!({ "planId": "business", "atPeriodEnd": true })),
    ] {
        test.refuses(CHANGE, key, &with_token(body, &shown), invalid).await;
    }
    let nowhere = with_token(json!({ "planId": "nope" }), &shown);
    test.refuses(CHANGE, &customer.key, &nowhere, "404 plan_unknown").await;
    let number = json!({ "planId": "business", "previewToken": 7 });
    test.refuses(CHANGE, &customer.key, &number, "400 json_shape").await;
    let twice = with_token(body, &shown);
    test.refuses(PREVIEW, &customer.key, &twice, "400 invalid_request").await;
    // The plan by another of its names is the same plan.
    let by_number = with_token(json!({ "planId": "4", "atPeriodEnd": false }), &shown);
    change(&test, &customer, &by_number).await.ok();
}

/// Asks with a stale token: nothing is written, and the answer holds a preview that works.
async fn stale_then_fresh(test: &TestApp, customer: &Customer, body: Value, stale: &Value) {
    let before = test.log_position().await;
    let answer = change(test, customer, &with_token(body.clone(), stale)).await;
    assert_eq!(test.log_position().await, before);
    let fresh = answer.json()["error"]["preview"].clone();
    answer.refused(409, "preview_stale");
    assert_eq!((&fresh["preview"], &fresh["to"]), (&json!(true), &stale["to"]));
    let changed = change(test, customer, &with_token(body, &fresh)).await.ok();
    for figure in FIGURES {
        assert_eq!(changed[figure], fresh[figure], "{figure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_token_is_refused_with_a_new_preview() {
    let test = TestApp::start().await;
    let body = || json!({ "planId": "business" });

    let late = test.subscriber("pro").await;
    let shown = preview(&test, &late, &body()).await;
    test.at("2026-05-01T00:15:01Z");
    stale_then_fresh(&test, &late, body(), &shown).await;

    let moved_on = test.subscriber("pro").await;
    let shown = preview(&test, &moved_on, &body()).await;
    let credit = json!({ "amount": "1", "reason": "r" });
    let path = format!("/api/accounts/{}/credit", moved_on.account_id);
    test.post(&path, &test.super_key, &credit).await.ok();
    stale_then_fresh(&test, &moved_on, body(), &shown).await;

    let new_rules = test.subscriber("pro").await;
    let shown = preview(&test, &new_rules, &body()).await;
    let daily = json!({ "proration": "day" });
    test.post("/api/ledger/policy", &test.super_key, &daily).await.ok();
    stale_then_fresh(&test, &new_rules, body(), &shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_does_not_outlive_its_period() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-05-31T23:55:00Z");
    let body = json!({ "planId": "business", "billingCycle": "yearly" });
    let shown = preview(&test, &customer, &body).await;
    assert_eq!(shown["expiresAt"], "2026-06-01T00:00:00.000000Z");

    // What is due meanwhile is recorded first: the preview is of the period that has begun.
    test.at("2026-06-01T00:01:00Z");
    let answer = change(&test, &customer, &with_token(body.clone(), &shown)).await;
    let fresh = answer.json()["error"]["preview"].clone();
    answer.refused(409, "preview_stale");
    assert_eq!(fresh["expiresAt"], "2026-06-01T00:16:00.000000Z");
    assert_eq!(fresh["creditNotes"].as_array().unwrap().len(), 1);
    let changed = change(&test, &customer, &with_token(body, &fresh)).await.ok();
    for figure in FIGURES {
        assert_eq!(changed[figure], fresh[figure], "{figure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_change_that_cannot_be_made_any_more_says_why() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let body = json!({ "planId": "business" });
    let shown = preview(&test, &customer, &body).await;
    test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    let body = with_token(body, &shown);
    test.refuses(CHANGE, &customer.key, &body, "409 cancellation_pending").await;
}
