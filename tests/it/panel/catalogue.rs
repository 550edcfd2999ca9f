//! Plans by those who keep the catalogue: created, got, edited and put back, retired.

use serde_json::{Value, json};

use super::{admin, admin_get};
use crate::harness::{Answered, TestApp};

const PLANS: &str = "/api/admin/plans";

async fn put(test: &TestApp, plan: &str, body: &Value) -> Answered {
    admin(test, "PUT", &format!("{PLANS}/{plan}"), body).await
}

#[track_caller]
fn refused_as(answer: &Answered, expected: &str) {
    assert_eq!(format!("{} {}", answer.status, answer.code()), expected, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_put_back_as_it_was_changes_nothing() {
    let test = TestApp::start().await;
    for plan in admin_get(&test, PLANS).await.as_array().unwrap() {
        let before = test.log_position().await;
        let slug = plan["slug"].as_str().unwrap();
        let done = put(&test, slug, plan).await.ok();
        assert_eq!(&done["plan"], plan);
        assert_eq!(test.log_position().await, before, "{plan}");
    }
}

/// A value of the same JSON type that is not the one that is there.
fn another(value: &Value) -> Value {
    match value {
        Value::Null => json!(7),
        Value::Bool(it) => json!(!it),
        Value::Number(_) => json!(700),
        Value::String(it) if it.len() == 3 => json!("EUR"),
        Value::String(it) => json!(format!("{it}x")),
        Value::Array(_) => json!([]),
        Value::Object(_) => json!({ "max_servers": 999 }),
    }
}

/// Every field that is shown, put back changed by itself: those that are the catalogue's own to
/// set are taken, the rest is refused by its code and appends nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_field_that_is_shown_is_taken_or_refused_when_it_is_changed() {
    const READ_ONLY: [&str; 7] =
        ["id", "planId", "slug", "currency", "prices", "limits", "retired"];
    let test = TestApp::start().await;
    let plan = admin_get(&test, "/api/admin/plans/pro").await;
    for (name, value) in plan.as_object().unwrap() {
        let mut changed = plan.clone();
        changed[name] = another(value);
        // The revision is only another's business where it is sent.
        if name != "revision" {
            changed.as_object_mut().unwrap().remove("revision");
        }
        for other in ["limits", "prices"] {
            if name != other && !READ_ONLY.contains(&name.as_str()) {
                // They are the same thing under another name, and have moved with earlier rounds.
                changed.as_object_mut().unwrap().remove(other);
            }
        }
        let before = test.log_position().await;
        let answer = put(&test, "pro", &changed).await;
        let appended = test.log_position().await - before;
        if name == "revision" {
            refused_as(&answer, "409 version_conflict");
        } else if READ_ONLY.contains(&name.as_str()) {
            refused_as(&answer, "422 field_read_only");
            assert!(answer.message().contains(&format!("`{name}`")), "{}", answer.text);
        } else {
            assert_eq!((answer.status, appended), (200, 1), "{name}: {}", answer.text);
            let shown = answer.json()["plan"][name].clone();
            let digits = |value: &Value| value.to_string().trim_end_matches(".0").to_owned();
            let same = digits(&shown) == digits(&changed[name]);
            assert!(same, "{name}: {shown}");
            put(
                &test,
                "pro",
                &json!({ name: if value.is_null() { json!(null) } else { value.clone() } }),
            )
            .await
            .ok();
            continue;
        }
        assert_eq!(appended, 0, "{name}");
    }
    refused_as(&put(&test, "pro", &json!({ "isDefault": true })).await, "400 json_unknown_field");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_edit_what_they_read_the_second_is_told() {
    let test = TestApp::start().await;
    let read = admin_get(&test, "/api/admin/plans/pro").await;
    let edited = |field: &str, value: Value| {
        let mut plan = read.clone();
        plan[field] = value;
        plan
    };
    let first = put(&test, "pro", &edited("price", json!(17.25))).await.ok();
    assert_eq!((&first["plan"]["revision"], &first["plan"]["price"]), (&json!(2), &json!(17.25)));
    refused_as(&put(&test, "pro", &edited("memory", json!(1))).await, "409 version_conflict");
    // A retry of the first is the first.
    let body = edited("description", json!("new")).to_string().into_bytes();
    let body = String::from_utf8(body).unwrap().replace(r#""revision":1"#, r#""revision":2"#);
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut body = body;
    body.as_object_mut().unwrap().remove("price");
    body.as_object_mut().unwrap().remove("prices");
    let keyed = async || {
        let headers = [("idempotency-key", "k")];
        let bytes = Some(body.to_string().into_bytes());
        test.send("PUT", "/api/admin/plans/pro", &test.super_key, &headers, bytes).await
    };
    let once = keyed().await;
    put(&test, "pro", &json!({ "description": "newer" })).await.ok();
    let again = keyed().await;
    assert_eq!((once.status, &once.text), (again.status, &again.text));
    assert_eq!(once.ok()["plan"]["description"], "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_are_exact_numbers_in_and_out() {
    let test = TestApp::start().await;
    let raw = async |price: &str, currency: &str| {
        let n = test.log_position().await;
        let body = format!(
            r#"{{"name":"P{n} {currency}","type":"paid","price":{price},"currency":"{currency}"}}"#
        );
        test.send("POST", PLANS, &test.super_key, &[], Some(body.into_bytes())).await
    };
    for (price, currency, shown) in [
        ("15", "USD", "15.00"),
        ("0.1", "USD", "0.10"),
        ("0.30", "USD", "0.30"),
        ("9007199254740.93", "USD", "9007199254740.93"),
        ("1500", "JPY", "1500"),
        ("4.625", "KWD", "4.625"),
        ("0", "USD", "0.00"),
        ("-0", "USD", "0.00"),
    ] {
        let created = raw(price, currency).await;
        assert_eq!(created.status, 200, "{price}: {}", created.text);
        assert!(created.text.contains(&format!("\"price\":{shown},")), "{price}: {}", created.text);
    }
    let before = test.log_position().await;
    for (price, currency, refused) in [
        ("0.30000000000000004", "USD", "422 amount_too_precise"),
        ("15.5", "JPY", "422 amount_too_precise"),
        ("1.2345", "KWD", "422 amount_too_precise"),
        ("1e2", "USD", "422 amount_malformed"),
        ("\"15\"", "USD", "422 amount_malformed"),
        ("true", "USD", "422 amount_malformed"),
        ("[15]", "USD", "422 amount_malformed"),
        ("-1", "USD", "422 plan_invalid"),
        ("99999999999999999999", "USD", "422 amount_too_large"),
        ("15", "XXX", "422 currency_unknown"),
        ("01", "USD", "400 json_syntax"),
        ("NaN", "USD", "400 json_syntax"),
    ] {
        refused_as(&raw(price, currency).await, refused);
    }
    assert_eq!(test.log_position().await, before);
    let edited = put(&test, "pro", &json!({ "price": null })).await;
    refused_as(&edited, "422 plan_invalid");
    let custom = raw("null", "USD").await.ok();
    assert_eq!(custom["plan"]["price"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_unlimited_and_what_is_left_out_stays() {
    let test = TestApp::start().await;
    let body = json!({ "name": "Small", "type": "paid", "price": 1, "memory": 512, "disk": null });
    let created = admin(&test, "POST", PLANS, &body).await.ok();
    let plan = &created["plan"];
    assert_eq!(plan["slug"], "small");
    assert_eq!(plan["limits"], json!({ "disk": null, "memory": 512 }));
    refused_as(&admin(&test, "POST", PLANS, &body).await, "409 plan_slug_taken");
    let edited = put(&test, "small", &json!({ "memory": null, "cpu": 100 })).await.ok();
    assert_eq!(edited["plan"]["limits"], json!({ "cpu": 100, "disk": null, "memory": null }));
    for wrong in [json!({ "memory": -1 }), json!({ "memory": 1.5 }), json!({ "memory": "512" })] {
        refused_as(&put(&test, "small", &wrong).await, "400 json_shape");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_deleted_is_retired_and_its_subscribers_stay() {
    let test = TestApp::start().await;
    let customer = test.subscriber("pro").await;
    let deleted =
        test.send("DELETE", "/api/admin/plans/pro", &test.super_key, &[], None).await.ok();
    assert_eq!(deleted, json!({ "success": true }));
    test.settle().await;
    assert_eq!(admin_get(&test, "/api/admin/plans/pro").await["retired"], true);
    let mine = test.get("/api/billing/subscription/me", &customer.key).await.ok();
    assert_eq!(mine["status"], "active");
    let again = test.send("DELETE", "/api/admin/plans/pro", &test.super_key, &[], None).await;
    again.refused(409, "plan_retired");
    refused_as(&put(&test, "pro", &json!({ "price": 1 })).await, "409 plan_retired");
    let missing = test.send("DELETE", "/api/admin/plans/nope", &test.super_key, &[], None).await;
    missing.refused(404, "plan_unknown");
}
