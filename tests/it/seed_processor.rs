//! The processor dialect's page, request by request. It prints fields of requests and says in words
//! what is answered; the shapes are those that `docs/API.md` shows.

use daybook_events::event::Role::{self, Admin, Auditor, Finance, Member, Owner, SuperAdmin};
use serde_json::{Value, json};

use crate::harness::{Answered, Customer, TestApp};

/// Checks that an object has these fields, of these kinds, and no others.
#[track_caller]
fn has(value: &Value, fields: &[(&str, &str)]) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    let mut names: Vec<_> = object.keys().map(String::as_str).collect();
    let mut wanted: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    for (name, kind) in fields {
        assert!(is(&value[*name], kind), "`{name}` is no {kind}: {}", value[*name]);
    }
}

fn is(value: &Value, kind: &str) -> bool {
    let text = |fits: fn(&str) -> bool| value.as_str().is_some_and(fits);
    let major = |text: &str| {
        let parts = text.split_once('.');
        parts.is_some_and(|(units, cents)| {
            cents.len() == 2 && (units.to_owned() + cents).bytes().all(|c| c.is_ascii_digit())
        })
    };
    match kind {
        "amount" => text(major),
        "text" => text(|text| !text.is_empty()),
        "instant" => text(|text| text.len() == 27 && text.ends_with('Z')),
        "flag" => value.is_boolean(),
        "object" => value.is_object(),
        "nothing" => value.is_null(),
        other => panic!("no kind: {other}"),
    }
}

#[test]
#[should_panic(expected = "`amount` is no amount")]
fn an_amount_that_is_a_number_is_noticed() {
    has(&json!({ "amount": 15.00 }), &[("amount", "amount")]);
}

#[test]
#[should_panic(expected = "left == right")]
fn a_field_too_many_is_noticed() {
    has(&json!({ "amount": "15.00", "secret": "x" }), &[("amount", "amount")]);
}

const SUBSCRIPTION: &[(&str, &str)] = &[
    ("id", "text"),
    ("accountId", "text"),
    ("planId", "text"),
    ("plan", "object"),
    ("billingCycle", "text"),
    ("status", "text"),
    ("amount", "amount"),
    ("currency", "text"),
    ("currentPeriodStart", "instant"),
    ("currentPeriodEnd", "instant"),
    ("trialEndsAt", "nothing"),
    ("discount", "nothing"),
    ("scheduledChange", "nothing"),
    ("cancelAtPeriodEnd", "flag"),
    ("cancelAt", "nothing"),
    ("startedAt", "instant"),
    ("endedAt", "nothing"),
    ("endReason", "nothing"),
    ("limits", "object"),
    ("runBy", "nothing"),
    ("requestedPlan", "nothing"),
];

async fn key_of(test: &TestApp, role: Role, customer: &Customer) -> String {
    let reach = (role != SuperAdmin).then_some(customer.account_id.as_str());
    test.key(role, reach).await
}

/// Asks as each role, and tells which are let in.
async fn let_in(test: &TestApp, customer: &Customer, method: &str, path: &str) -> Vec<Role> {
    let mut roles = Vec::new();
    for role in Role::ALL {
        let key = key_of(test, role, customer).await;
        let body = (method != "GET").then(|| b"[]".to_vec());
        let answer = test.send(method, path, &key, &[], body).await;
        if answer.status != 403 {
            roles.push(role);
        }
    }
    roles
}

#[tokio::test(flavor = "multi_thread")]
async fn the_resource_overview_with_its_roles() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let me = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    let one = format!("/api/billing/subscription/{}", me["id"].as_str().unwrap());
    let invoice = test.newest_invoice(&customer).await;
    let pdf = format!("/api/billing/invoices/{}/pdf", invoice["invoice_id"].as_str().unwrap());
    // Beyond the page: the super admin acts for any account, auditors and finance read.
    let everybody = [SuperAdmin, Owner, Admin, Member, Auditor, Finance].as_slice();
    let managers = [SuperAdmin, Owner, Admin].as_slice();
    let (readers, money) =
        ([SuperAdmin, Auditor, Finance], [SuperAdmin, Owner, Admin, Auditor, Finance]);
    for (method, path, expected) in [
        ("GET", "/api/billing/subscription/me", everybody),
        ("GET", "/api/billing/subscription", &readers),
        ("GET", &one, &readers),
        ("PATCH", &one, &[SuperAdmin]),
        ("POST", "/api/billing/checkout", managers),
        ("POST", "/api/billing/checkout/confirm", managers),
        ("POST", "/api/billing/plan-change", managers),
        ("POST", "/api/billing/cancel", managers),
        ("POST", "/api/billing/resume", managers),
        ("GET", &pdf, &money),
        ("GET", "/api/billing/payments/export", &money),
    ] {
        let roles = let_in(&test, &customer, method, path).await;
        assert!(expected.iter().all(|role| roles.contains(role)), "{method} {path}: {roles:?}");
        assert_eq!(roles.len(), expected.len(), "{method} {path}: {roles:?}");
        test.send(method, path, "", &[], None).await.refused(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_is_a_pdf_with_an_hour_of_caching() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let invoice = test.newest_invoice(&customer).await;
    let path = format!("/api/billing/invoices/{}/pdf", invoice["invoice_id"].as_str().unwrap());
    let pdf = test.get(&path, &customer.key).await;
    assert_eq!(pdf.status, 200, "{}", pdf.text);
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    assert_eq!(pdf.headers["cache-control"], "private, max-age=3600");
    assert!(pdf.text.starts_with("%PDF-"));
    let held = [("if-none-match", pdf.headers["etag"].to_str().unwrap())];
    assert_eq!(test.send("GET", &path, &customer.key, &held, None).await.status, 304);
}

#[tokio::test(flavor = "multi_thread")]
async fn current_subscription() {
    let test = TestApp::start().await;
    let nobody = test.customer().await;
    let none = test.get("/api/billing/subscription/me", &nobody.key).await;
    none.refused(404, "no_subscription");

    let customer = test.subscriber("pro").await;
    let me = test.get("/api/billing/subscription/me", &customer.key).await;
    assert_eq!(
        (me.status, &me.headers["content-type"]),
        (200, &"application/json".parse().unwrap())
    );
    let me = me.json();
    has(&me, SUBSCRIPTION);
    assert_eq!((&me["status"], &me["amount"]), (&json!("active"), &json!("15.00")));
    let id = me["id"].as_str().unwrap();
    let one = test.get(&format!("/api/billing/subscription/{id}"), &test.super_key).await.ok();
    assert_eq!(one, me);
    let all = test.get("/api/billing/subscription", &test.super_key).await.ok();
    assert_eq!(all, json!({ "data": [me], "next": null }));
    let patch = Some(br#"{"cancelAtPeriodEnd":true}"#.to_vec());
    let path = format!("/api/billing/subscription/{id}");
    let patched = test.send("PATCH", &path, &test.super_key, &[], patch).await.ok();
    assert_eq!((&patched["id"], &patched["status"]), (&me["id"], &json!("cancelling")));
}

/// "Creates a Razorpay order and returns the parameters the client SDK needs."
#[track_caller]
fn is_checkout(answer: &Answered, amount: &str, minor: u64) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    assert_eq!((&body["amount"], &body["currency"]), (&json!(amount), &json!("USD")));
    let sdk = &body["razorpay"];
    assert_eq!((&sdk["amount"], &sdk["currency"]), (&json!(minor), &json!("USD")));
    assert_eq!(sdk["order_id"], body["orderId"]);
    assert!(is(&sdk["key"], "text") && is(&sdk["name"], "text"), "{sdk}");
    assert!(body["orderId"].as_str().unwrap().starts_with("order_"));
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn checkout_with_a_coupon_and_its_confirmation() {
    let test = TestApp::start().await;
    let coupon = json!({ "code": "SAVE20", "percent": "20" });
    assert_eq!(test.post("/api/coupons", &test.super_key, &coupon).await.status, 201);
    let customer = test.customer().await;
    let admin = test.key(Admin, Some(&customer.account_id)).await;
    let body = json!({ "planId": "pro", "billingCycle": "monthly", "couponCode": "SAVE20" });
    let answer = test.post("/api/billing/checkout", &admin, &body).await;
    let checkout = is_checkout(&answer, "12.00", 1200);
    assert_eq!(checkout["discount"]["couponCode"], "SAVE20");

    let paid = test.pay(&checkout).await;
    has(&paid, &[("paymentId", "text"), ("orderId", "text"), ("signature", "text")]);
    let mut forged = paid.clone();
    forged["signature"] = json!("0".repeat(64));
    let confirm = "/api/billing/checkout/confirm";
    test.post(confirm, &admin, &forged).await.refused(400, "signature_invalid");
    let confirmed = test.post(confirm, &admin, &paid).await.ok();
    assert_eq!(
        (&confirmed["status"], &confirmed["payment"]["amount"]),
        (&json!("paid"), &json!("12.00"))
    );
    assert_eq!(confirmed["subscription"]["status"], "active");
    let again = test.post(confirm, &admin, &paid).await;
    again.refused(409, "payment_already_confirmed");

    for (body, status, code) in [
        (json!({ "billingCycle": "monthly" }), 400, "json_missing_field"),
        (json!({ "planId": "pro" }), 400, "json_missing_field"),
        (json!({ "planId": "pro", "billingCycle": "weekly" }), 422, "billing_cycle_invalid"),
    ] {
        test.post("/api/billing/checkout", &admin, &body).await.refused(status, code);
    }
    let other = test.customer().await;
    let unknown = json!({ "planId": "pro", "billingCycle": "yearly", "couponCode": "NOPE" });
    let unknown = test.post("/api/billing/checkout", &other.key, &unknown).await;
    unknown.refused(404, "coupon_unknown");
    let yearly = json!({ "planId": "pro", "billingCycle": "yearly" });
    let yearly = test.post("/api/billing/checkout", &other.key, &yearly).await;
    is_checkout(&yearly, "150.00", 15000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_change_is_prorated_automatically() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    test.at("2026-05-16T12:00:00Z");
    let body = json!({ "planId": "business" });
    let changed = test.post("/api/billing/plan-change", &customer.key, &body).await.ok();
    let amounts =
        ["credit", "charge", "creditApplied", "amountDue"].map(|name| changed[name].clone());
    assert_eq!(amounts, ["7.50", "19.50", "7.50", "12.00"]);
    assert_eq!(
        (&changed["status"], &changed["to"]["slug"]),
        (&json!("changed"), &json!("business"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_waits_for_the_period_and_is_taken_back_inside_it() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    // As a client does that has nothing to say: without a body.
    let bare = async |path: &str| test.send("POST", path, &customer.key, &[], None).await;
    let cancelled = bare("/api/billing/cancel").await.ok();
    assert_eq!(cancelled["cancelAtPeriodEnd"], true);
    assert_eq!(cancelled["effectiveAt"], "2026-06-01T00:00:00.000000Z");
    assert_eq!(cancelled["status"], "cancelling");
    let resumed = bare("/api/billing/resume").await.ok();
    assert_eq!(
        (&resumed["status"], &resumed["cancelAtPeriodEnd"]),
        (&json!("active"), &json!(false))
    );
    bare("/api/billing/cancel").await.ok();
    test.at("2026-06-01T00:00:00Z");
    bare("/api/billing/resume").await.refused(409, "resume_after_period");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_export_is_csv_of_the_payments_from_one_day_to_before_another() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let export = async |query: &str| {
        let path = format!("/api/billing/payments/export{query}");
        let answer = test.get(&path, &customer.key).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        answer.text
    };
    let all = export("").await;
    let (head, row) =
        all.trim_end().split_once("\r\n").or(all.trim_end().split_once('\n')).unwrap();
    assert!(head.starts_with("payment_id,account_id,captured_at,"), "{head}");
    assert!(row.contains(",USD,15.00,0.00,captured"), "{row}");
    for (query, rows) in [
        ("?from=2026-05-01&to=2026-05-02", 1),
        ("?from=2026-05-01", 1),
        ("?to=2026-05-01", 0),
        ("?from=2026-05-02", 0),
        ("?from=2026-04-30T23:59:59Z&to=2026-05-01T00:00:01Z", 1),
    ] {
        assert_eq!(export(query).await.lines().count() - 1, rows, "{query}");
    }
    let wrong = test.get("/api/billing/payments/export?from=May", &customer.key).await;
    wrong.refused(400, "invalid_request");
}
