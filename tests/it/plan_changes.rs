//! Plan changes at every timing, trials, and agreed prices over HTTP.

use daybook_events::{
    commands::PublishPlan,
    event::{PlanTerms, Price},
    period::Cycle,
    testing,
};
use serde_json::{Value, json};

use crate::harness::{Customer, TestApp};

const CHANGE: &str = "/api/billing/plan-change";
const CHECKOUT: &str = "/api/billing/checkout";

async fn policy(test: &TestApp, body: Value) {
    test.post("/api/ledger/policy", &test.super_key, &body).await.ok();
}

async fn me(test: &TestApp, customer: &Customer) -> Value {
    test.get("/api/billing/subscription/me", &customer.key).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_put_off_to_the_period_end_and_taken_back() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let later = json!({ "planId": "starter", "atPeriodEnd": true });
    let scheduled = test.post(CHANGE, &customer.key, &later).await.ok();
    assert_eq!(scheduled["status"], "scheduled");
    assert_eq!(scheduled["effectiveAt"], "2026-06-01T00:00:00.000000Z");
    assert_eq!((&scheduled["amount"], &scheduled["amountDue"]), (&json!("5.00"), &json!("0.00")));
    assert_eq!(scheduled["checkout"], Value::Null);
    let shown = me(&test, &customer).await;
    assert_eq!((&shown["plan"]["slug"], &shown["status"]), (&json!("pro"), &json!("active")));
    assert_eq!(shown["scheduledChange"]["plan"]["slug"], "starter");

    let stay = json!({ "planId": "pro" });
    let shown = test.post("/api/billing/plan-change/preview", &customer.key, &stay).await.ok();
    assert_eq!((&shown["status"], &shown["binding"]), (&json!("withdrawn"), &json!(true)));
    let withdrawn = test.post(CHANGE, &customer.key, &stay).await.ok();
    assert_eq!(withdrawn["status"], "withdrawn");
    assert_eq!(me(&test, &customer).await["scheduledChange"], Value::Null);
    test.refuses(CHANGE, &customer.key, &stay, "409 plan_unchanged").await;

    test.post(CHANGE, &customer.key, &later).await.ok();
    test.at("2026-06-01T00:00:00Z");
    test.settle_due(&customer).await;
    assert_eq!(me(&test, &customer).await["plan"]["slug"], "starter");
    assert_eq!(test.newest_invoice(&customer).await["total"]["amount"], "5.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_its_payment_where_the_policy_says_so() {
    let test = TestApp::start().await;
    policy(&test, json!({ "upgrade": "once_paid", "downgrade": "period_end" })).await;
    let customer = test.subscriber("pro").await;
    test.at("2026-05-16T12:00:00Z");
    let up = json!({ "planId": "business" });
    let shown = test.post("/api/billing/plan-change/preview", &customer.key, &up).await.ok();
    assert_eq!(
        (&shown["status"], &shown["amountDue"]),
        (&json!("awaiting_payment"), &json!("12.00"))
    );
    assert_eq!(shown["order"]["number"], Value::Null);
    let waiting = test.post(CHANGE, &customer.key, &up).await.ok();
    assert_eq!(waiting["status"], "awaiting_payment");
    assert_eq!(
        (&waiting["amountDue"], &waiting["checkout"]["amount"]),
        (&json!("12.00"), &json!("12.00"))
    );
    assert_eq!(waiting["order"]["id"], waiting["checkout"]["order"]["id"]);
    assert_eq!(me(&test, &customer).await["plan"]["slug"], "pro");
    let confirmed = test.pay_and_confirm(&customer, &waiting["checkout"]).await;
    assert_eq!(confirmed["subscription"]["plan"]["slug"], "business");
    assert_eq!(me(&test, &customer).await["plan"]["slug"], "business");

    let down = test.post(CHANGE, &customer.key, &json!({ "planId": "starter" })).await.ok();
    assert_eq!(down["status"], "scheduled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_policy_rules_out_is_refused() {
    let test = TestApp::start().await;
    let rule = json!({ "from": "pro", "to": "starter", "timing": "refused" });
    policy(&test, json!({ "plan_changes": [rule] })).await;
    let customer = test.subscriber("pro").await;
    for at_period_end in [false, true] {
        let body = json!({ "planId": "starter", "atPeriodEnd": at_period_end });
        test.refuses(CHANGE, &customer.key, &body, "409 plan_change_refused").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_fallen_due_is_not_shown_as_the_changes_own() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-06-01T00:00:00Z");
    // The renewal is billed first, and then its unpaid invoice is taken back for the new plan.
    let changed = test.post(CHANGE, &customer.key, &json!({ "planId": "business" })).await.ok();
    assert_eq!(
        [&changed["credit"], &changed["charge"], &changed["amountDue"]],
        ["15.00", "39.00", "39.00"]
    );
    assert_eq!(changed["checkout"]["amount"], "39.00");
    assert_eq!(changed["currentPeriodStart"], "2026-06-01T00:00:00.000000Z");
}

fn with_trial() -> PublishPlan {
    let terms = PlanTerms { trial_days: 14, ..testing::terms("trial", "10") };
    let yearly = Price { cycle: Cycle::Yearly, amount: testing::usd("100") };
    let prices = [terms.prices.clone(), vec![yearly]].concat();
    PublishPlan { slug: "trial".to_owned(), terms: PlanTerms { prices, ..terms } }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_begins_at_checkout_and_is_billed_when_it_is_over() {
    let test = TestApp::start().await;
    test.submit(with_trial()).await.unwrap();
    let customer = test.customer().await;
    let checkout = test.checkout(&customer, "trial").await;
    assert_eq!((&checkout["status"], &checkout["amount"]), (&json!("trialing"), &json!("0.00")));
    assert_eq!(checkout["trialEndsAt"], "2026-05-15T00:00:00.000000Z");
    assert_eq!((&checkout["orderId"], &checkout["invoice"]), (&Value::Null, &Value::Null));
    assert_eq!(checkout["totals"]["total"], "10.00");
    let shown = me(&test, &customer).await;
    assert_eq!((&shown["status"], &shown["id"]), (&json!("trialing"), &checkout["subscriptionId"]));
    assert_eq!(shown["trialEndsAt"], checkout["trialEndsAt"]);

    test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    let resumed = test.post("/api/billing/resume", &customer.key, &json!({})).await.ok();
    assert_eq!(resumed["status"], "trialing");
    let changed = test.post(CHANGE, &customer.key, &json!({ "planId": "pro" })).await.ok();
    assert_eq!((&changed["status"], &changed["charge"]), (&json!("changed"), &json!("0.00")));

    test.at("2026-05-15T00:00:00Z");
    test.settle_due(&customer).await;
    assert_eq!(me(&test, &customer).await["status"], "active");
    assert_eq!(test.newest_invoice(&customer).await["total"]["amount"], "15.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreed_price_is_the_super_admins_to_set() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let order = |price: Option<&str>| {
        let mut body = json!({ "planId": "enterprise", "billingCycle": "monthly" });
        if let Some(price) = price {
            body["price"] = json!(price);
        }
        body
    };
    test.refuses(CHECKOUT, &customer.key, &order(None), "409 plan_price_custom").await;
    test.refuses(CHECKOUT, &customer.key, &order(Some("499.00")), "403 forbidden").await;
    let change = json!({ "planId": "enterprise", "price": "499.00" });
    test.refuses(CHANGE, &customer.key, &change, "403 forbidden").await;
    let before = test.log_position().await;
    let account = customer.account_id.as_str();
    for (price, expected) in [
        (None, "plan_price_custom"),
        (Some("0"), "amount_not_positive"),
        (Some("-5"), "amount_not_positive"),
        (Some("1.001"), "amount_too_precise"),
        (Some("much"), "amount_malformed"),
    ] {
        let answer = test.post_as_super(CHECKOUT, account, &order(price)).await;
        assert_eq!(answer.code(), expected, "{price:?}: {}", answer.text);
    }
    let fixed = json!({ "planId": "pro", "billingCycle": "monthly", "price": "1.00" });
    test.post_as_super(CHECKOUT, account, &fixed).await.refused(409, "plan_price_fixed");
    assert_eq!(test.log_position().await, before);

    let checkout = test.post_as_super(CHECKOUT, account, &order(Some("499.00"))).await.ok();
    assert_eq!(checkout["amount"], "499.00");
    test.pay_and_confirm(&customer, &checkout).await;
    assert_eq!(me(&test, &customer).await["amount"], "499.00");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_an_agreed_price_is_previewed_and_made() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let account = customer.account_id.as_str();
    let body = json!({ "planId": "enterprise", "price": "499.00" });
    let shown = test.post_as_super("/api/billing/plan-change/preview", account, &body).await.ok();
    assert_eq!(shown["charge"], "499.00");
    let mut other = json!({ "planId": "enterprise", "price": "1.00" });
    other["previewToken"] = shown["previewToken"].clone();
    test.post_as_super(CHANGE, account, &other).await.refused(422, "preview_token_invalid");
    let mut body = body;
    body["previewToken"] = shown["previewToken"].clone();
    let changed = test.post_as_super(CHANGE, account, &body).await.ok();
    assert_eq!((&changed["charge"], &changed["amountDue"]), (&json!("499.00"), &json!("484.00")));
}
