//! Tax, the seller and the policy over HTTP, and what they refuse.

use serde_json::{Value, json};

use crate::harness::{Customer, TestApp};

const CHECKOUT: &str = "/api/billing/checkout";
const POLICY: &str = "/api/ledger/policy";
const RULES: &str = "/api/ledger/tax-rules";
const SELLER: &str = "/api/ledger/seller";

async fn adopt(test: &TestApp, seller: Value, rules: Value) {
    test.post(
        SELLER,
        &test.super_key,
        &json!({ "name": "Acme", "country": seller["country"], "state": seller["state"] }),
    )
    .await
    .ok();
    test.post(RULES, &test.super_key, &rules).await.ok();
}

fn germany() -> (Value, Value) {
    let vat = json!({ "country": "DE", "name": "VAT", "percent": "19" });
    let austria = json!({ "country": "AT", "name": "VAT", "percent": "20" });
    let seller = json!({ "country": "DE", "state": "" });
    (seller, json!({ "elsewhere": "refused", "rates": [vat, austria] }))
}

fn pro() -> Value {
    json!({ "planId": "pro", "billingCycle": "monthly" })
}

async fn order(test: &TestApp, billing: Value) -> (Customer, Value) {
    let customer = test.customer_with("USD", billing).await;
    let checkout = test.checkout(&customer, "pro").await;
    (customer, checkout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_shows_its_tax_and_the_invoice_the_same() {
    let test = TestApp::start().await;
    let (seller, rules) = germany();
    adopt(&test, seller, rules.clone()).await;
    let adopted = test.get(RULES, &test.super_key).await.ok();
    assert_eq!(
        (&adopted["version"], &adopted["rules"]["rates"][0]["percent"]),
        (&json!(1), &json!("19"))
    );
    assert_eq!(adopted["rules"]["elsewhere"], rules["elsewhere"]);

    let (customer, checkout) = order(&test, json!({ "name": "Ada", "country": "DE" })).await;
    assert_eq!(checkout["amount"], "17.85");
    let totals = &checkout["totals"];
    assert_eq!([&totals["net"], &totals["tax"], &totals["total"]], ["15.00", "2.85", "17.85"]);
    let vat = json!({ "name": "VAT", "jurisdiction": "DE", "percent": "19", "base": "15.00", "amount": "2.85" });
    assert_eq!(totals["taxes"], json!([vat]));
    let confirmed = test.pay_and_confirm(&customer, &checkout).await;
    assert_eq!(&confirmed["invoice"]["totals"], totals);

    let change = json!({ "planId": "business" });
    let shown = test.post("/api/billing/plan-change/preview", &customer.key, &change).await.ok();
    assert_eq!((&shown["credit"], &shown["charge"]), (&json!("17.85"), &json!("46.41")));
    assert_eq!(shown["invoice"]["totals"]["tax"], "7.41");
    assert_eq!(shown["creditNotes"][0]["totals"]["tax"], "2.85");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_elsewhere_in_the_union_owes_the_tax_itself() {
    let test = TestApp::start().await;
    let (seller, rules) = germany();
    adopt(&test, seller, rules).await;
    let business = json!({ "name": "Ada", "country": "AT", "taxId": "ATU80236736" });
    let (_, checkout) = order(&test, business).await;
    assert_eq!(
        (&checkout["amount"], &checkout["totals"]["taxNote"]),
        (&json!("15.00"), &json!("Reverse charge"))
    );
    let (_, checkout) = order(&test, json!({ "name": "Ada", "country": "AT" })).await;
    assert_eq!(checkout["amount"], "18.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn gst_is_split_by_place_of_supply_inside_prices_that_hold_it() {
    let test = TestApp::start().await;
    let gst = json!({ "country": "IN", "name": "GST", "percent": "18", "inclusive": true });
    adopt(&test, json!({ "country": "IN", "state": "Karnataka" }), json!({ "rates": [gst] })).await;
    for (billing, names) in [
        (json!({ "country": "IN", "state": "Karnataka" }), vec!["CGST", "SGST"]),
        (json!({ "country": "IN", "taxId": "27AAPFU0939F1ZV" }), vec!["IGST"]),
    ] {
        let customer = test.customer_with("INR", billing).await;
        let checkout = test.checkout(&customer, "pro").await;
        let totals = &checkout["totals"];
        assert_eq!(
            [&totals["net"], &totals["tax"], &totals["total"]],
            ["1000.00", "180.00", "1180.00"]
        );
        assert_eq!(totals["taxInclusive"], true);
        let charged: Vec<_> = totals["taxes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tax| tax["name"].as_str().unwrap())
            .collect();
        assert_eq!(charged, names);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_country_or_currency_that_is_not_served_cannot_order() {
    let test = TestApp::start().await;
    let (seller, rules) = germany();
    adopt(&test, seller, rules).await;
    let refused = test.customer_with("USD", json!({ "name": "Ada", "country": "US" })).await;
    test.refuses(CHECKOUT, &refused.key, &pro(), "422 country_unsupported").await;
    let nowhere = test.customer_with("USD", json!({ "name": "Ada" })).await;
    test.refuses(CHECKOUT, &nowhere.key, &pro(), "409 billing_country_required").await;
    let pounds = test.customer_with("GBP", json!({ "name": "Ada", "country": "DE" })).await;
    test.refuses(CHECKOUT, &pounds.key, &pro(), "409 currency_mismatch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_with_particulars_that_cannot_be_is_not_opened() {
    let test = TestApp::start().await;
    for (billing, expected) in [
        (json!({ "country": "ZZ" }), "422 country_unsupported"),
        (json!({ "country": "XI" }), "422 country_unsupported"),
        (json!({ "country": "de" }), "422 billing_details_invalid"),
        (json!({ "country": "IN", "state": "Bavaria" }), "422 billing_details_invalid"),
        (json!({ "country": "IN", "taxId": "27AAPFU0939F1ZW" }), "422 tax_id_invalid"),
        (json!({ "country": "IN", "taxId": "27AAPFU0939F1Z" }), "422 tax_id_invalid"),
        (json!({ "country": "DE", "taxId": "DE902206463" }), "422 tax_id_invalid"),
        (json!({ "country": "DE", "taxId": "902206" }), "422 tax_id_invalid"),
        (json!({ "country": "AT", "taxId": "U80236737" }), "422 tax_id_invalid"),
    ] {
        let body = json!({ "currency": "USD", "billing": billing });
        test.refuses("/api/accounts", &test.super_key, &body, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tax_rules_that_make_no_sense_are_refused() {
    let test = TestApp::start().await;
    let rate = |country: &str, percent: Value| json!({ "country": country, "name": "VAT", "percent": percent });
    let twice = json!([rate("DE", json!("19")), rate("DE", json!("7"))]);
    for (body, expected) in [
        (json!({ "rates": [rate("ZZ", json!("19"))] }), "422 tax_rules_invalid"),
        (json!({ "rates": twice }), "422 tax_rules_invalid"),
        (json!({ "rates": [rate("DE", json!("101"))] }), "400 json_shape"),
        (json!({ "rates": [rate("DE", json!(19))] }), "400 json_shape"),
        (json!({ "rates": [["DE", null, "VAT", "19", false]] }), "400 json_shape"),
        (json!({ "elsewhere": "nowhere", "rates": [] }), "400 json_shape"),
        (json!({ "elsewhere": "refused" }), "400 json_missing_field"),
        (
            json!({ "rates": [{ "country": "DE", "name": "VAT", "percent": "19", "from": "2027" }] }),
            "400 json_unknown_field",
        ),
    ] {
        test.refuses(RULES, &test.super_key, &body, expected).await;
    }
    // A seller in India needs a State, to split GST by.
    test.post(SELLER, &test.super_key, &json!({ "name": "Acme", "country": "IN" })).await.ok();
    let india = json!({ "rates": [rate("IN", json!("18"))] });
    test.refuses(RULES, &test.super_key, &india, "422 tax_rules_invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_that_makes_no_sense_is_refused() {
    let test = TestApp::start().await;
    let seller = json!({ "name": "Acme GmbH", "country": "DE", "taxId": "DE902206462" });
    let revised = test.post(SELLER, &test.super_key, &seller).await.ok();
    assert_eq!(revised["seller"], seller);
    for (body, expected) in [
        (seller.clone(), "422 nothing_to_change"),
        (json!({ "name": "Acme", "country": "ZZ" }), "422 country_unsupported"),
        (json!({ "name": "Acme", "country": "DE", "taxId": "DE1" }), "422 tax_id_invalid"),
        (json!({ "name": "a\u{7}" }), "422 billing_details_invalid"),
        (json!({ "shoe": "9" }), "400 json_unknown_field"),
    ] {
        test.refuses(SELLER, &test.super_key, &body, expected).await;
    }
    let customer = test.subscriber("pro").await;
    test.refuses(SELLER, &customer.key, &seller, "403 forbidden").await;
    assert_eq!(test.newest_invoice(&customer).await["seller"], seller);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_adopted_whole_and_has_a_version() {
    let test = TestApp::start().await;
    let built_in = test.get(POLICY, &test.super_key).await.ok();
    assert_eq!((&built_in["version"], &built_in["policy"]["upgrade"]), (&json!(1), &json!("now")));
    let mut policy = built_in["policy"].clone();
    policy["order_expires_after_days"] = json!(3);
    let adopted = test.post(POLICY, &test.super_key, &policy).await.ok();
    assert_eq!(adopted, json!({ "version": 2, "policy": policy }));
    assert_eq!(test.get(POLICY, &test.super_key).await.ok(), adopted);

    let step = |days: u32, action: &str| json!({ "after_days": days, "action": action });
    for (body, expected) in [
        (json!({ "order_expires_after_days": 0 }), "422 policy_invalid"),
        (json!({ "invoice_lines_per_day": 0 }), "422 policy_invalid"),
        (json!({ "dunning": [step(9, "past_due"), step(3, "end")] }), "422 policy_invalid"),
        (
            json!({ "refunds": { "full_until_day": 9, "prorated_until_day": 3 } }),
            "422 policy_invalid",
        ),
        (json!({ "upgrade": "someday" }), "400 json_shape"),
        (json!({ "dunning": [[7, "past_due"]] }), "400 json_shape"),
        (json!({ "refunds": [0, 0] }), "400 json_shape"),
        (json!({ "generosity": 9 }), "400 json_unknown_field"),
    ] {
        test.refuses(POLICY, &test.super_key, &body, expected).await;
    }
    let customer = test.customer().await;
    test.refuses(POLICY, &customer.key, &policy, "403 forbidden").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_outside_the_policy_is_refused() {
    let test = TestApp::start().await;
    let strict = json!({ "refunds": { "full_until_day": 0, "prorated_until_day": 1 } });
    test.post(POLICY, &test.super_key, &strict).await.ok();
    let customer = test.subscriber("pro").await;
    test.at("2026-05-02T00:00:00Z");
    let all = json!({ "amount": "15.00", "reason": "r" });
    test.refuses("/api/refunds", &customer.key, &all, "409 refund_exceeds_eligible").await;
    test.at("2026-05-03T00:00:00Z");
    let some = json!({ "reason": "r" });
    test.refuses("/api/refunds", &customer.key, &some, "409 refund_window_closed").await;
}
