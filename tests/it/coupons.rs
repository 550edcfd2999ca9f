//! Coupons over HTTP: from the offer to the discounted invoice, and every refusal.

use serde_json::{Value, json};

use crate::harness::{Customer, TestApp};

const CHECKOUT: &str = "/api/billing/checkout";

async fn offer(test: &TestApp, body: &Value) -> Value {
    test.post("/api/coupons", &test.super_key, body).await.ok()
}

fn pro_with(code: &str) -> Value {
    json!({ "planId": "pro", "billingCycle": "monthly", "couponCode": code })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_is_offered_listed_and_withdrawn() {
    let test = TestApp::start().await;
    let body = json!({
        "code": "save-20", "percent": "20", "duration": { "periods": 2 }, "plans": ["pro", "4"],
        "max_redemptions": 100, "max_per_account": 1, "expires_at": "2026-09-01T00:00:00Z",
    });
    let offered = offer(&test, &body).await;
    assert_eq!(offered["code"], "SAVE-20");
    assert_eq!((&offered["percent"], &offered["amounts"]), (&json!("20"), &Value::Null));
    assert_eq!(offered["duration"], json!({ "periods": 2 }));
    assert_eq!(offered["plans"].as_array().unwrap().len(), 2);
    let fixed = json!({ "code": "FIVE", "amounts": { "USD": "5.00", "JPY": "700" } });
    let fixed = offer(&test, &fixed).await;
    assert_eq!(fixed["amounts"], json!({ "USD": "5.00", "JPY": "700" }));
    assert_eq!(fixed["duration"], "once");

    let get = async |path: &str| test.get(path, &test.super_key).await.ok();
    assert_eq!(get("/api/coupons/save-20").await, offered);
    let listed = get("/api/coupons?limit=1").await;
    assert_eq!((listed["data"].as_array().unwrap().len(), &listed["next"]), (1, &json!("FIVE")));
    let withdrawn =
        test.post("/api/coupons/SAVE-20/withdraw", &test.super_key, &json!({})).await.ok();
    assert!(withdrawn["withdrawn_at"].is_string(), "{withdrawn}");
    let now = get("/api/coupons/SAVE-20").await;
    assert_eq!(now["withdrawn_at"], withdrawn["withdrawn_at"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_at_checkout_discounts_the_periods_it_is_good_for() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "SAVE20", "percent": "20", "duration": { "periods": 2 } })).await;
    let customer = test.customer().await;
    let checkout = test.post(CHECKOUT, &customer.key, &pro_with("save20")).await.ok();
    assert_eq!(checkout["amount"], "12.00");
    assert_eq!(checkout["discount"]["couponCode"], "SAVE20");
    let totals = &checkout["totals"];
    assert_eq!(
        [&totals["subtotal"], &totals["discount"], &totals["tax"], &totals["total"]],
        ["15.00", "3.00", "0.00", "12.00"]
    );
    let confirmed = test.pay_and_confirm(&customer, &checkout).await;
    assert_eq!(confirmed["invoice"]["total"], "12.00");
    assert_eq!(confirmed["invoice"]["totals"]["discount"], "3.00");
    assert_eq!(confirmed["invoice"]["lines"][0]["couponCode"], "SAVE20");

    let me = async || test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(me().await["discount"]["periodsLeft"], 1);
    let coupon = test.get("/api/coupons/SAVE20", &test.super_key).await.ok();
    assert_eq!(coupon["redemptions"], 1);

    test.at("2026-06-01T00:00:00Z");
    test.settle_due(&customer).await;
    let june = test.newest_invoice(&customer).await;
    assert_eq!(june["total"]["amount"], "12.00");
    let pay = format!("/api/billing/invoices/{}/checkout", june["invoice_id"].as_str().unwrap());
    let checkout = test.post(&pay, &customer.key, &json!({})).await.ok();
    assert_eq!((&checkout["totals"], &checkout["discount"]), (&Value::Null, &Value::Null));
    test.pay_and_confirm(&customer, &checkout).await;
    assert_eq!(me().await["discount"], Value::Null);
    test.at("2026-07-01T00:00:00Z");
    test.settle_due(&customer).await;
    assert_eq!(test.newest_invoice(&customer).await["total"]["amount"], "15.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coupon_that_cannot_be_redeemed_is_refused_and_nothing_is_written() {
    let test = TestApp::start().await;
    for body in [
        json!({ "code": "WITHDRAWN", "percent": "10" }),
        json!({ "code": "EARLY", "percent": "10", "valid_from": "2026-05-02T00:00:00Z" }),
        json!({ "code": "LATE", "percent": "10", "expires_at": "2026-05-01T01:00:00Z" }),
        json!({ "code": "STARTERS", "percent": "10", "plans": ["starter"] }),
        json!({ "code": "EUROS", "amounts": { "EUR": "5" } }),
        json!({ "code": "ONE", "percent": "10", "max_redemptions": 1 }),
    ] {
        offer(&test, &body).await;
    }
    let withdraw = "/api/coupons/WITHDRAWN/withdraw";
    test.post(withdraw, &test.super_key, &json!({})).await.ok();
    let winner = test.customer().await;
    test.post(CHECKOUT, &winner.key, &pro_with("ONE")).await.ok();

    test.at("2026-05-01T01:00:00Z");
    let customer = test.customer().await;
    for (code, expected) in [
        ("NOPE", "404 coupon_unknown"),
        ("no such thing", "404 coupon_unknown"),
        ("", "404 coupon_unknown"),
        ("WITHDRAWN", "409 coupon_withdrawn"),
        ("EARLY", "409 coupon_not_yet_valid"),
        ("LATE", "409 coupon_expired"),
        ("STARTERS", "409 coupon_for_another_plan"),
        ("EUROS", "409 coupon_not_in_currency"),
        ("ONE", "409 coupon_exhausted"),
    ] {
        test.refuses(CHECKOUT, &customer.key, &pro_with(code), expected).await;
    }
    test.refuses(withdraw, &test.super_key, &json!({}), "409 coupon_withdrawn").await;
    let unknown = "/api/coupons/NOPE/withdraw";
    test.refuses(unknown, &test.super_key, &json!({}), "404 coupon_unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_race_for_the_last_redemption_one_wins() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "LAST", "percent": "10", "max_redemptions": 1 })).await;
    let mut customers = Vec::new();
    for _ in 0..8 {
        customers.push(test.customer().await);
    }
    let body = pro_with("LAST");
    let orders = customers.iter().map(|customer| test.post(CHECKOUT, &customer.key, &body));
    let answers = futures_util::future::join_all(orders).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for loser in answers.into_iter().filter(|answer| answer.status != 200) {
        loser.refused(409, "coupon_exhausted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_redeems_a_coupon_as_often_as_it_may() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "ONCE", "percent": "10", "max_per_account": 1 })).await;
    let customer = test.customer().await;
    let checkout = test.post(CHECKOUT, &customer.key, &pro_with("ONCE")).await.ok();
    test.pay_and_confirm(&customer, &checkout).await;
    let now = json!({ "atPeriodEnd": false });
    test.post("/api/billing/cancel", &customer.key, &now).await.ok();
    let again = pro_with("ONCE");
    test.refuses(CHECKOUT, &customer.key, &again, "409 coupon_already_used").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_cancelled_gives_its_redemption_back() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "ONE", "percent": "10", "max_redemptions": 1 })).await;
    let (first, second): (Customer, Customer) = (test.customer().await, test.customer().await);
    let checkout = test.post(CHECKOUT, &first.key, &pro_with("ONE")).await.ok();
    test.refuses(CHECKOUT, &second.key, &pro_with("ONE"), "409 coupon_exhausted").await;
    let order = checkout["order"]["id"].as_str().unwrap();
    let path = format!("/api/accounts/{}/orders/{order}/cancel", first.account_id);
    test.post(&path, &first.key, &json!({})).await.ok();
    test.post(CHECKOUT, &second.key, &pro_with("ONE")).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_makes_no_sense_is_refused() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "TAKEN", "percent": "10" })).await;
    for (body, expected) in [
        (json!({ "code": "taken", "percent": "5" }), "409 coupon_code_taken"),
        (json!({ "code": "x", "percent": "5" }), "422 coupon_invalid"),
        (json!({ "code": "A B C", "percent": "5" }), "422 coupon_invalid"),
        (json!({ "code": "SOME" }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "percent": "5", "amounts": {} }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "amounts": {} }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "percent": "0" }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "percent": "100.1" }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "percent": "ten" }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "percent": 10 }), "400 json_shape"),
        (json!({ "code": "SOME", "amounts": { "USD": "0" } }), "422 coupon_invalid"),
        (json!({ "code": "SOME", "amounts": { "USD": "1.001" } }), "422 amount_too_precise"),
        (json!({ "code": "SOME", "amounts": { "XYZ": "1" } }), "422 currency_unknown"),
        (json!({ "code": "SOME", "percent": "5", "duration": "twice" }), "400 json_shape"),
        (
            json!({ "code": "SOME", "percent": "5", "duration": { "periods": 0 } }),
            "422 coupon_invalid",
        ),
        (json!({ "code": "SOME", "percent": "5", "plans": ["nope"] }), "404 plan_unknown"),
        (
            json!({
                "code": "SOME", "percent": "5",
                "valid_from": "2026-06-01T00:00:00Z", "expires_at": "2026-05-01T00:00:00Z",
            }),
            "422 coupon_invalid",
        ),
        (json!({ "code": "SOME", "percent": "5", "expires_at": "soon" }), "400 json_shape"),
        (json!({ "code": "SOME", "percent": "5", "max_redemptions": -1 }), "400 json_shape"),
        (json!({ "code": "SOME", "percent": "5", "max_redemptions": 0 }), "422 coupon_invalid"),
    ] {
        test.refuses("/api/coupons", &test.super_key, &body, expected).await;
    }
    test.get("/api/coupons/NOPE", &test.super_key).await.refused(404, "coupon_unknown");
    test.get("/api/coupons/%20", &test.super_key).await.refused(404, "coupon_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_one_account_finds_no_coupons() {
    let test = TestApp::start().await;
    offer(&test, &json!({ "code": "SAVE10", "percent": "10" })).await;
    let customer = test.customer().await;
    let role = daybook_events::event::Role::Finance;
    let own = test.key(role, Some(&customer.account_id)).await;
    let all = test.key(role, None).await;
    for path in ["/api/coupons", "/api/coupons/SAVE10"] {
        test.get(path, &own).await.refused(404, "not_found");
        test.get(path, &all).await.ok();
    }
}
