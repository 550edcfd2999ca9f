//! The v1 dialect beyond its page: what it decides where the page is open.

use daybook::plan_file;
use daybook_events::{
    commands::RevisePlan,
    event::Role::{Auditor, Member},
};
use serde_json::{Value, json};

use crate::harness::{Answered, Customer, TestApp};

const BILLING: &str = "/api/v1/billing";
const SUCCESS: &str = "https://panel.example/billing?success=true";
const CANCEL: &str = "https://panel.example/billing?canceled=true";

fn order(plan: &str) -> Value {
    json!({ "plan": plan, "success_url": SUCCESS, "cancel_url": CANCEL })
}

async fn checkout(test: &TestApp, customer: &Customer, body: &Value) -> Answered {
    test.post(&format!("{BILLING}/checkout"), &customer.key, body).await
}

/// The path of the page that a checkout leads to.
async fn page_of(test: &TestApp, customer: &Customer, body: &Value) -> String {
    let checkout = checkout(test, customer, body).await.ok();
    let url = checkout["data"]["checkout_url"].as_str().unwrap();
    url.strip_prefix(&test.url).expect("the ledger's own page").to_owned()
}

async fn pay(test: &TestApp, page: &str) -> Answered {
    let json = [("accept", "application/json")];
    test.send("POST", &format!("{page}/pay"), "", &json, None).await
}

async fn subscriber(test: &TestApp, plan: &str) -> Customer {
    let customer = test.customer().await;
    let page = page_of(test, &customer, &order(plan)).await;
    pay(test, &page).await.ok();
    customer
}

async fn subscription(test: &TestApp, customer: &Customer) -> Value {
    test.get(&format!("{BILLING}/subscription"), &customer.key).await.ok()["data"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_returns_is_paid_once_however_often_its_button_is_pressed() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let page = page_of(&test, &customer, &order("pro")).await;
    let presses = futures_util::future::join_all((0..8).map(|_| pay(&test, &page))).await;
    for press in &presses {
        assert!(press.status == 200 || press.code() == "order_already_paid", "{}", press.text);
    }
    let account = format!("/api/accounts/{}", customer.account_id);
    let payments = test.get(&format!("{account}/payments"), &customer.key).await.ok();
    assert_eq!(payments["data"].as_array().unwrap().len(), 1);
    assert_eq!(test.get(&account, &customer.key).await.ok()["credit"]["amount"], "0.00");
    pay(&test, &page).await.refused(409, "order_already_paid");
    let closed = test.get(&page, "").await.text;
    assert!(closed.contains("This order is paid") && closed.contains(SUCCESS), "{closed}");
    // The three values are good for the processor dialect too, which says what has happened.
    let paid = presses.iter().find(|press| press.status == 200).unwrap().json();
    let confirm = test.post("/api/billing/checkout/confirm", &customer.key, &paid).await;
    confirm.refused(409, "payment_already_confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_fails_books_nothing_and_leads_back() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let page = page_of(&test, &customer, &order("pro")).await;
    let before = test.log_position().await;
    let body = Some(b"outcome=failure".to_vec());
    let failed = test.send("POST", &format!("{page}/pay"), "", &[], body).await;
    assert_eq!(failed.status, 402);
    assert!(failed.text.contains(CANCEL), "{}", failed.text);
    assert_eq!(test.log_position().await, before);
    pay(&test, &page).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_with_nothing_to_pay_leads_straight_to_success() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let answer = checkout(&test, &customer, &order("free")).await.ok();
    assert_eq!(answer, json!({ "data": { "checkout_url": SUCCESS } }));
    assert_eq!(subscription(&test, &customer).await["plan"], "free");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_takes_a_cycle_and_a_coupon() {
    let test = TestApp::start().await;
    let coupon = json!({ "code": "SAVE20", "percent": "20" });
    test.post("/api/coupons", &test.super_key, &coupon).await.ok();
    let customer = test.customer().await;
    let mut body = order("pro");
    body["billing_cycle"] = json!("yearly");
    body["coupon_code"] = json!("SAVE20");
    let page = page_of(&test, &customer, &body).await;
    pay(&test, &page).await.ok();
    let invoices = test.get(&format!("{BILLING}/invoices"), &customer.key).await.ok();
    assert_eq!(invoices["data"][0]["amount"], 12000);
    assert_eq!(subscription(&test, &customer).await["current_period_end"], "2027-05-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_makes_no_sense_is_refused_and_orders_nothing() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    let with = |name: &str, value: Value| {
        let mut body = order("pro");
        body[name] = value;
        body
    };
    let long = format!("https://a.example/{}", "x".repeat(2048));
    let path = format!("{BILLING}/checkout");
    for (body, expected) in [
        (with("success_url", json!("/billing")), "422 return_url_invalid"),
        (with("success_url", json!("javascript:alert(1)")), "422 return_url_invalid"),
        (with("success_url", json!("https://u:p@a.example/")), "422 return_url_invalid"),
        (with("success_url", json!("https://a.example/\r\nx: y")), "422 return_url_invalid"),
        (with("success_url", json!(long)), "422 return_url_invalid"),
        (with("cancel_url", json!("")), "422 return_url_invalid"),
        (with("cancel_url", json!(7)), "400 json_shape"),
        (json!({ "plan": "pro", "success_url": SUCCESS }), "400 json_missing_field"),
        (json!({ "success_url": SUCCESS, "cancel_url": CANCEL }), "400 json_missing_field"),
        (with("billing_cycle", json!("weekly")), "422 billing_cycle_invalid"),
        (with("coupon_code", json!("NOPE")), "404 coupon_unknown"),
        (with("price", json!("1")), "400 json_unknown_field"),
        (order("nope"), "404 plan_unknown"),
        (order("enterprise"), "409 plan_price_custom"),
    ] {
        test.refuses(&path, &customer.key, &body, expected).await;
    }
    let answer = checkout(&test, &customer, &order("nope")).await;
    let message = "no plan has the id, number or slug `nope`";
    assert_eq!(answer.json(), json!({ "error": { "code": "PLAN_UNKNOWN", "message": message } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_cancelled_reactivated_and_ended() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "pro").await;
    let path = format!("{BILLING}/subscription");
    let delete = async |query: &str, headers: &[(&str, &str)]| {
        test.send("DELETE", &format!("{path}{query}"), &customer.key, headers, None).await
    };
    delete("?immediately=yes", &[]).await.refused(400, "invalid_request");
    let cancelled = delete("", &[]).await.ok();
    assert_eq!(cancelled["data"]["status"], "cancelling");
    assert_eq!(cancelled["data"], subscription(&test, &customer).await);
    delete("", &[]).await.refused(409, "cancellation_already_scheduled");
    let path_back = format!("{path}/reactivate");
    let back = test.send("POST", &path_back, &customer.key, &[], None).await.ok();
    assert_eq!(back["data"]["status"], "active");
    // What the query says belongs to the request: under the same key, another is another.
    let key = [("idempotency-key", "k")];
    let ended = delete("?immediately=true", &key).await;
    assert_eq!(ended.json()["data"]["status"], "ended");
    assert_eq!(delete("?immediately=true", &key).await.text, ended.text);
    delete("", &key).await.refused(422, "idempotency_key_reused");
    let nobody = test.customer().await;
    let none = test.get(&path, &nobody.key).await;
    let text = "the account has no live subscription";
    let body = json!({ "error": { "code": "NO_SUBSCRIPTION", "message": text } });
    assert_eq!((none.status, none.json()), (404, body));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_keeps_the_flags_of_the_revision_that_they_hold() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "pro").await;
    let before = subscription(&test, &customer).await["features"].clone();
    let plans = plan_file::parse(plan_file::EXAMPLE).unwrap();
    let (slug, mut terms) = plans.into_iter().find(|(slug, _)| slug == "pro").unwrap();
    terms.features = [("modpack_support".to_owned(), json!(false))].into();
    test.submit(RevisePlan { plan: slug, terms }).await.unwrap();
    test.settle().await;
    assert_eq!(subscription(&test, &customer).await["features"], before);
    let later = subscriber(&test, "pro").await;
    let features = subscription(&test, &later).await["features"].clone();
    assert_eq!(
        (&features["modpack_support"], &features["max_servers"]),
        (&json!(false), &json!(15))
    );
    assert_eq!(features["priority_support"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_come_page_by_page_and_nobody_elses() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "pro").await;
    let foreign = subscriber(&test, "starter").await;
    test.at("2026-05-16T12:00:00Z");
    let change = json!({ "planId": "business" });
    test.post("/api/billing/plan-change", &customer.key, &change).await.ok();
    let path = format!("{BILLING}/invoices");
    let first = test.get(&format!("{path}?limit=1"), &customer.key).await;
    let link = first.headers["link"].to_str().unwrap().to_owned();
    let next = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    assert_eq!(first.json().as_object().unwrap().len(), 1, "the page prints `data` alone");
    let second = test.get(&next, &customer.key).await.ok();
    let all = test.get(&path, &customer.key).await;
    assert!(!all.headers.contains_key("link"));
    let all = all.ok()["data"].clone();
    assert_eq!((&first.json()["data"][0], &second["data"][0]), (&all[0], &all[1]));
    let statuses = [&all[0]["status"], &all[1]["status"]];
    assert_eq!(statuses, ["paid", "pending"]);
    let id = all[0]["id"].as_str().unwrap();
    for (id, key) in [(id, &foreign.key), ("inv_0", &customer.key), ("nonsense", &customer.key)] {
        test.get(&format!("{path}/{id}"), key).await.refused(404, "not_found");
    }
    let member = test.key(Member, Some(&customer.account_id)).await;
    test.get(&path, &member).await.refused(403, "forbidden");
    let auditor = test.key(Auditor, None).await;
    test.get(&path, &auditor).await.refused(400, "account_header_required");
    let header = [("daybook-account", customer.account_id.as_str())];
    assert_eq!(test.send("GET", &path, &auditor, &header, None).await.ok()["data"], all);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_refunded_is_what_a_refund_gives_back() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "pro").await;
    let path = format!("{BILLING}/refund-eligibility");
    let eligible = async |customer: &Customer| {
        let before = test.log_position().await;
        let data = test.get(&path, &customer.key).await.ok()["data"].clone();
        assert_eq!(test.log_position().await, before, "it is asked, and nothing happens");
        data
    };
    let whole =
        json!({ "type": "full", "days_since_subscription": 0, "amount": 1500, "currency": "USD" });
    assert_eq!(eligible(&customer).await, whole);
    test.at("2026-05-16T12:00:00Z");
    let half = json!({ "type": "prorated", "days_since_subscription": 15, "amount": 750, "currency": "USD" });
    assert_eq!(eligible(&customer).await, half);
    let refund = json!({ "reason": "customer_request" });
    let refunded = test.post("/api/refunds", &customer.key, &refund).await.ok();
    assert_eq!(refunded["refunds"][0]["amount"]["amount"], "7.50");
    // Nothing is left, and a plan without a price never had anything.
    assert_eq!(eligible(&customer).await["amount"], 0);
    let free = test.customer().await;
    checkout(&test, &free, &order("free")).await.ok();
    let nothing = eligible(&free).await;
    assert_eq!((&nothing["type"], &nothing["amount"]), (&json!("full"), &json!(0)));
    let nobody = test.customer().await;
    test.get(&path, &nobody.key).await.refused(404, "no_subscription");
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_set_aside_and_shown() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "starter").await;
    let account = customer.account_id.as_str();
    let (usage, reservations) = ("/api/v1/usage", "/api/v1/usage/reservations");
    let count = json!({ "limit": "max_servers", "used": 3 });
    let counted = test.post_as_super(usage, account, &count).await.ok();
    assert_eq!(counted["data"], json!({ "limit": "max_servers", "used": 3, "settles": null }));
    let room = json!({ "limit": "max_servers", "quantity": 1 });
    let made = test.post_as_super(reservations, account, &room).await.ok()["data"].clone();
    assert_eq!((&made["allowed"], &made["left"]), (&json!(5), &json!(1)));

    let used = test.get(usage, &customer.key).await.ok();
    assert_eq!(used["data"]["max_servers"], json!({ "used": 3, "reserved": 1 }));
    let quotas = test.get("/api/v1/usage/quotas", &customer.key).await.ok();
    let quota = json!({ "allowed": 5, "used": 3, "reserved": 1, "left": 1 });
    assert_eq!(quotas["data"]["max_servers"], quota);
    let current = test.get(&format!("{BILLING}/subscriptions/current"), &customer.key).await.ok();
    assert_eq!(
        (&current["data"]["usage"]["servers"], &current["data"]["usage"]["nodes"]),
        (&json!(3), &json!(0))
    );

    let release = format!("{reservations}/{}/release", made["id"].as_str().unwrap());
    let released = test.post_as_super(&release, account, &json!({})).await.ok();
    assert_eq!(released["data"], json!({ "id": made["id"], "status": "released" }));
    // Nobody counts for themselves, and nobody counts nobody.
    test.refuses(usage, &customer.key, &count, "403 forbidden").await;
    test.refuses(usage, &test.super_key, &count, "400 account_header_required").await;
    let fresh = test.customer().await;
    assert_eq!(test.get(usage, &fresh.key).await.ok(), json!({ "data": {} }));
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_limit_that_no_plan_lifts_there_is_no_way_up() {
    let test = TestApp::start().await;
    let customer = subscriber(&test, "starter").await;
    let room = json!({ "limit": "max_servers", "quantity": 1000 });
    let path = "/api/v1/usage/reservations";
    let answer = test.post_as_super(path, &customer.account_id, &room).await;
    let message = "Maximum servers (5) reached for Starter plan";
    let error = json!({ "code": "PLAN_LIMIT_EXCEEDED", "message": message, "upgrade_url": null });
    assert_eq!((answer.status, answer.json()["error"].clone()), (403, error));
}
