//! The v1 dialect's page, request by request: performed as it prints them, answered as it prints
//! the answers. The page's webhooks are elsewhere.

use serde_json::{Value, json};

use crate::{
    harness::{Answered, Customer, TestApp},
    printed::is_printed,
};

/// Where the page's customers are.
const FACE: &str = "https://app.esluce.com";

/// "Get Subscription".
const SUBSCRIPTION: &str = r#"{
  "data": {
    "id": "sub_abc123",
    "plan": "pro",
    "status": "active",
    "current_period_start": "2026-05-01T00:00:00Z",
    "current_period_end": "2026-06-01T00:00:00Z",
    "features": {
      "max_nodes": 3,
      "max_servers": 15,
      "modpack_support": true
    }
  }
}"#;

/// "Create Checkout Session", the request.
const CHECKOUT: &str = r#"{
  "plan": "pro",
  "success_url": "https://app.esluce.com/billing?success=true",
  "cancel_url": "https://app.esluce.com/billing?canceled=true"
}"#;

/// "Get Invoices".
const INVOICES: &str = r#"{
  "data": [
    {
      "id": "inv_abc123",
      "amount": 1500,
      "currency": "USD",
      "status": "paid",
      "created_at": "2026-05-01T00:00:00Z",
      "pdf_url": "https://app.esluce.com/invoices/inv_abc123.pdf"
    }
  ]
}"#;

/// "Usage Limits".
const OVER_THE_LIMIT: &str = r#"{
  "error": {
    "code": "PLAN_LIMIT_EXCEEDED",
    "message": "Maximum servers (5) reached for Starter plan",
    "upgrade_url": "https://app.esluce.com/billing?upgrade=pro"
  }
}"#;

fn printed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Checks what every answer of the dialect has, and its body against the page.
#[track_caller]
fn answers(answer: &Answered, status: u16, page: &Value, open: &[&str]) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(answer.headers.contains_key("x-request-id"));
    is_printed(page, &answer.json(), open);
}

async fn start() -> TestApp {
    TestApp::start_at(FACE).await
}

/// Sends the page's own checkout request, and pays on the page that it leads to.
async fn buy(test: &TestApp, customer: &Customer, body: &str) {
    let path = "/api/v1/billing/checkout";
    let body = Some(body.as_bytes().to_vec());
    let checkout = test.send("POST", path, &customer.key, &[], body).await.ok();
    let url = checkout["data"]["checkout_url"].as_str().unwrap();
    let page = url.strip_prefix(FACE).expect("the ledger's own face");
    test.get(page, "").await;
    let (pay, json) = (format!("{page}/pay"), [("accept", "application/json")]);
    test.send("POST", &pay, "", &json, None).await.ok();
}

async fn subscriber(test: &TestApp) -> Customer {
    let customer = test.customer().await;
    buy(test, &customer, CHECKOUT).await;
    customer
}

#[tokio::test(flavor = "multi_thread")]
async fn get_subscription() {
    let test = start().await;
    let customer = subscriber(&test).await;
    let answer = test.get("/api/v1/billing/subscription", &customer.key).await;
    answers(&answer, 200, &printed(SUBSCRIPTION), &["data.features"]);
    // The notes on the dialect have another address for the same, with what is used.
    let mut current = printed(SUBSCRIPTION);
    current["data"]["usage"] = json!({ "servers": 0, "nodes": 0 });
    let answer = test.get("/api/v1/billing/subscriptions/current", &customer.key).await;
    answers(&answer, 200, &current, &["data.features", "data.usage"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plans() {
    let test = start().await;
    let answer = test.get("/api/v1/billing/plans", "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let plans = answer.json()["data"].clone();
    let of =
        |slug: &str| plans.as_array().unwrap().iter().find(|plan| plan["slug"] == slug).unwrap();
    // The page's table: price, max nodes, max servers, features.
    for (slug, name, price, nodes, servers, features) in [
        ("starter", "Starter", json!(500), json!(1), json!(5), "Basic support"),
        ("pro", "Pro", json!(1500), json!(3), json!(15), "Modpacks, priority support"),
        ("enterprise", "Enterprise", Value::Null, Value::Null, Value::Null, "Dedicated support"),
    ] {
        let plan = of(slug);
        assert_eq!((&plan["name"], &plan["price"]), (&json!(name), &price));
        let limits = (&plan["features"]["max_nodes"], &plan["features"]["max_servers"]);
        assert_eq!(limits, (&nodes, &servers), "{slug}");
        assert_eq!(plan["description"], features);
    }
    assert_eq!(
        (&of("pro")["currency"], &of("pro")["billing_cycle"]),
        (&json!("USD"), &json!("monthly"))
    );
    assert_eq!(of("pro")["features"]["modpack_support"], true);
    assert_eq!(of("enterprise")["currency"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn create_checkout_session() {
    let test = start().await;
    let customer = test.customer().await;
    let path = "/api/v1/billing/checkout";
    let body = Some(CHECKOUT.as_bytes().to_vec());
    let answer = test.send("POST", path, &customer.key, &[], body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let url = answer.json()["data"]["checkout_url"].as_str().unwrap().to_owned();
    answers(&answer, 200, &json!({ "data": { "checkout_url": url } }), &[]);
    let page = url.strip_prefix(FACE).expect("an absolute URL of the ledger's own face");
    let shown = test.get(page, "").await;
    assert_eq!(shown.headers["content-type"], "text/html; charset=utf-8");
    assert!(shown.text.contains("https://app.esluce.com/billing?canceled=true"));
    // A browser that pays goes where the request said.
    let redirects = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(redirects).build().unwrap();
    let pay = format!("{}{page}/pay", test.url);
    let paid = browser.post(pay).body("outcome=success").send().await.unwrap();
    assert_eq!(paid.status(), 303);
    assert_eq!(paid.headers()["location"], "https://app.esluce.com/billing?success=true");
    let subscription = test.get("/api/v1/billing/subscription", &customer.key).await.ok();
    assert_eq!(subscription["data"]["status"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn get_invoices() {
    let test = start().await;
    let customer = subscriber(&test).await;
    let answer = test.get("/api/v1/billing/invoices", &customer.key).await;
    answers(&answer, 200, &printed(INVOICES), &[]);
    let id = answer.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let one = json!({ "data": printed(INVOICES)["data"][0] });
    let answer = test.get(&format!("/api/v1/billing/invoices/{id}"), &customer.key).await;
    answers(&answer, 200, &one, &[]);
    let url = answer.json()["data"]["pdf_url"].as_str().unwrap().to_owned();
    let pdf = test.get(url.strip_prefix(FACE).unwrap(), &customer.key).await;
    assert_eq!(
        (pdf.status, &pdf.headers["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refund_eligibility() {
    let test = start().await;
    let customer = test.customer().await;
    buy(&test, &customer, &CHECKOUT.replace("\"pro\",", r#""pro", "billing_cycle": "yearly","#))
        .await;
    let start = test.clock.now();
    for (days, expected) in
        [(0, "full"), (3, "full"), (7, "full"), (8, "prorated"), (30, "prorated"), (31, "none")]
    {
        test.clock.set(start.plus_days(days));
        let answer = test.get("/api/v1/billing/refund-eligibility", &customer.key).await.ok();
        let data = &answer["data"];
        assert_eq!(
            (&data["type"], &data["days_since_subscription"]),
            (&json!(expected), &json!(days))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_limits() {
    let test = start().await;
    let customer = test.customer().await;
    buy(&test, &customer, &CHECKOUT.replace("pro", "starter")).await;
    let account = customer.account_id.as_str();
    for (path, body, status) in [
        ("/api/v1/usage", json!({ "limit": "max_servers", "used": 4 }), 200),
        ("/api/v1/usage/reservations", json!({ "limit": "max_servers", "quantity": 1 }), 201),
    ] {
        assert_eq!(test.post_as_super(path, account, &body).await.status, status);
    }
    let body = json!({ "limit": "max_servers", "quantity": 1 });
    let answer = test.post_as_super("/api/v1/usage/reservations", account, &body).await;
    assert_eq!((answer.status, &*answer.code()), (403, "plan_limit_exceeded"));
    assert_eq!(answer.json(), printed(OVER_THE_LIMIT));
    let fields = ["\"code\"", "\"message\"", "\"upgrade_url\""].map(|name| answer.text.find(name));
    assert!(fields.is_sorted(), "in the page's order: {}", answer.text);
}
