//! Every request that the panel's page documents, in its order: status, headers, names, JSON types
//! and the values of its examples.

use serde_json::{Value, json};

use super::{admin, admin_get, names, user};
use crate::harness::TestApp;

/// The fields of a plan that the page lists, with their JSON types.
const PLAN: [(&str, &str); 13] = [
    ("name", "string"),
    ("type", "string"),
    ("price", "number"),
    ("memory", "number"),
    ("disk", "number"),
    ("cpu", "number"),
    ("serverLimit", "number"),
    ("databases", "number"),
    ("backups", "number"),
    ("portCount", "number"),
    ("tunnelPortCount", "number"),
    ("hiddenFromBilling", "boolean"),
    ("features", "object"),
];

/// The fields of an order, with their JSON types when it is placed.
const ORDER: [(&str, &str); 25] = [
    ("id", "number"),
    ("userId", "number"),
    ("items", "string"),
    ("amount", "number"),
    ("taxAmount", "number"),
    ("taxRate", "number"),
    ("status", "string"),
    ("description", "string"),
    ("planId", "number"),
    ("notes", "string"),
    ("paymentMethod", "null"),
    ("paymentTxId", "null"),
    ("paymentProvider", "null"),
    ("couponCode", "null"),
    ("discountAmount", "number"),
    ("createdAt", "string"),
    ("expiresAt", "string"),
    ("date", "string"),
    ("invoiceDueDate", "string"),
    ("servicePeriod", "object"),
    ("planName", "string"),
    ("planSpecs", "object"),
    // Ours, beside the page's.
    ("orderId", "string"),
    ("currency", "string"),
    ("autoActivated", "absent"),
];

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[track_caller]
fn has(value: &Value, fields: &[(&str, &str)]) {
    for (name, expected) in fields {
        let found = value.get(*name).map_or("absent", kind);
        assert_eq!(found, *expected, "{name} in {value}");
    }
}

async fn full_plan(test: &TestApp) -> Value {
    let body = json!({
        "name": "Game XL", "type": "paid", "price": 12.5, "memory": 8192, "disk": 51200, "cpu": 200,
        "serverLimit": 4, "databases": 2, "backups": 3, "portCount": 5, "tunnelPortCount": 10,
        "hiddenFromBilling": false, "features": { "modpacks": true },
    });
    let created = admin(test, "POST", "/api/admin/plans", &body).await;
    assert_eq!(created.status, 200, "{}", created.text);
    assert!(created.text.contains(r#""price":12.50,"#), "{}", created.text);
    let created = created.json();
    assert_eq!((names(&created), &created["success"]), (vec!["plan", "success"], &json!(true)));
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&created["plan"][name], value, "{name}");
    }
    created["plan"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_listed_shown_created_updated_and_reapplied() {
    let test = TestApp::start().await;
    let plan = full_plan(&test).await;
    let id = plan["id"].as_u64().unwrap();

    let listed = test.get("/api/plans", "").await;
    assert_eq!(listed.headers["content-type"], "application/json");
    let listed = listed.ok();
    let prices: Vec<_> = listed.as_array().unwrap().iter().map(|plan| &plan["price"]).collect();
    assert!(prices.len() >= 5, "{listed}");
    let found = listed.as_array().unwrap().iter().find(|it| it["id"] == id).unwrap();
    assert_eq!(found, &plan);
    has(&test.get(&format!("/api/plans/{id}"), "").await.ok(), &PLAN);
    test.get("/api/plans/999", "").await.refused(404, "not_found");

    let hidden = json!({ "hiddenFromBilling": true });
    let updated = admin(&test, "PUT", &format!("/api/admin/plans/{id}"), &hidden).await.ok();
    assert_eq!(updated["success"], true);
    assert_eq!(updated["plan"]["hiddenFromBilling"], true);
    assert_eq!(updated["plan"]["memory"], 8192);
    test.settle().await;
    test.get(&format!("/api/plans/{id}"), "").await.refused(404, "not_found");
    let public = test.get("/api/plans", "").await.ok();
    assert!(public.as_array().unwrap().iter().all(|plan| plan["id"] != id), "{public}");
    let all = admin_get(&test, "/api/admin/plans").await;
    assert!(all.as_array().unwrap().iter().any(|plan| plan["id"] == id), "{all}");

    let path = format!("/api/admin/plans/{id}/reapply-limits");
    let reapplied = test.send("POST", &path, &test.super_key, &[], None).await.ok();
    assert_eq!(names(&reapplied), ["message", "reapplication", "success", "updated"]);
    assert_eq!(reapplied["message"], "Reapplying plan limits to ~0 users in background");
    assert_eq!(reapplied["updated"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_placed_listed_and_shown_and_the_admin_applies_the_plan() {
    let test = TestApp::start().await;
    let customer = user(&test, "42").await;
    let body = json!({ "planId": 3, "notes": "please" });
    let placed = test.post("/api/orders", &customer.key, &body).await;
    assert_eq!(placed.status, 200, "{}", placed.text);
    assert!(placed.text.contains(r#""amount":15.00,"#), "{}", placed.text);
    let placed = placed.json();
    assert_eq!(names(&placed), ["order", "success"]);
    let order = &placed["order"];
    has(order, &ORDER);
    for (name, value) in [
        ("id", json!(1)),
        ("userId", json!(42)),
        ("planId", json!(3)),
        ("status", json!("pending")),
        ("planName", json!("Pro")),
        ("description", json!("Pro (monthly)")),
        ("notes", json!("please")),
        ("taxRate", json!(0)),
        ("items", json!(r#"[{"description":"Pro (monthly)","quantity":1,"price":15.00}]"#)),
        ("date", order["createdAt"].clone()),
        ("invoiceDueDate", json!("2026-05-08T00:00:00.000000Z")),
        ("expiresAt", json!("2026-05-08T00:00:00.000000Z")),
    ] {
        let micros = |value: &Value| {
            let text = value.as_str().map(|text| text.split('.').next().unwrap().to_owned());
            text.map_or_else(|| value.clone(), Value::from)
        };
        assert_eq!(micros(&order[name]), micros(&value), "{name}");
    }
    assert_eq!(order["servicePeriod"]["months"], 1);

    let mine = test.get("/api/orders", &customer.key).await.ok();
    assert_eq!(mine, json!([order]));
    for id in ["1", order["orderId"].as_str().unwrap()] {
        assert_eq!(&test.get(&format!("/api/orders/{id}"), &customer.key).await.ok(), order);
    }
    let all = admin_get(&test, "/api/admin/orders").await;
    assert_eq!(all, json!({ "orders": [order], "total": 1, "page": 1, "per": 50 }));
    assert_eq!(&admin_get(&test, "/api/admin/orders/1").await, order);

    // "The most common admin billing action": the page's own example, literally.
    let key = &test.super_key;
    let literal = Some(br#"{ "planId": 3 }"#.to_vec());
    let applied = test.send("POST", "/api/admin/users/42/apply-plan", key, &[], literal).await.ok();
    assert_eq!(applied["success"], true);
    assert_eq!(
        (&applied["order"]["id"], &applied["order"]["status"]),
        (&json!(1), &json!("active"))
    );
    test.settle().await;

    let current = admin_get(&test, "/api/admin/users/42/current-plan").await;
    assert_eq!(names(&current), ["orders", "plans"]);
    assert_eq!(current["plans"][0]["plan"]["id"], 3);
    assert_eq!(current["plans"][0]["order"], applied["order"]);
    assert_eq!(current["orders"].as_array().unwrap().len(), 1);
    let path = format!("/api/admin/users/{}/current-plan", customer.account_id);
    assert_eq!(admin_get(&test, &path).await, current);

    let cancelled = admin(&test, "POST", "/api/admin/users/42/cancel-plan", &json!({})).await.ok();
    assert_eq!(cancelled, json!({ "success": true }));
    test.settle().await;
    let current = admin_get(&test, "/api/admin/users/42/current-plan").await;
    assert_eq!(current["plans"], json!([]));
    assert_eq!(current["orders"][0]["status"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hooks_for_a_processor_subscribe_and_list_invoices() {
    let test = TestApp::start().await;
    let customer = user(&test, "u-1").await;
    assert_eq!(test.get("/api/billing/invoices", &customer.key).await.ok(), json!([]));
    let subscribed =
        test.post("/api/billing/subscribe", &customer.key, &json!({ "planId": 3 })).await.ok();
    assert_eq!(names(&subscribed), ["checkout", "order", "success"]);
    assert_eq!(subscribed["order"]["status"], "awaiting_payment");
    assert_eq!(subscribed["order"]["paymentProvider"], "sandbox");
    assert_eq!(subscribed["order"]["userId"], "u-1");
    let checkout = &subscribed["checkout"];
    assert_eq!(checkout["amount"], "15.00");
    test.pay_and_confirm(&customer, checkout).await;
    let invoices = test.get("/api/billing/invoices", &customer.key).await;
    assert!(invoices.text.contains(r#""amount":15.00,"#), "{}", invoices.text);
    let invoices = invoices.ok();
    assert_eq!(invoices[0]["status"], "paid");
    assert_eq!(invoices[0]["number"], "INV-2026-000001");

    let other = user(&test, "u-2").await;
    let free = test.post("/api/billing/subscribe", &other.key, &json!({ "planId": "free" })).await;
    let free = free.ok();
    assert_eq!((&free["checkout"], &free["order"]["status"]), (&Value::Null, &json!("active")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_has_a_downloadable_pdf_invoice() {
    let test = TestApp::start().await;
    let customer = user(&test, "u-1").await;
    let body = json!({ "planId": 3 });
    let order = test.post("/api/orders", &customer.key, &body).await.ok()["order"]["id"].clone();
    for path in
        [format!("/api/orders/{order}/invoice"), format!("/api/admin/orders/{order}/invoice")]
    {
        let pdf = test.get(&path, &test.super_key).await;
        assert_eq!(pdf.status, 200, "{}", pdf.text);
        assert_eq!(pdf.headers["content-type"], "application/pdf");
        let name = format!("attachment; filename=\"pro-forma-{order}.pdf\"");
        assert_eq!(pdf.headers["content-disposition"], name.as_str());
        assert!(pdf.text.starts_with("%PDF-"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_a_sentence() {
    let test = TestApp::start().await;
    let customer = test.customer().await;
    for (answer, status) in [
        (test.get("/api/orders", "").await, 401),
        (test.get("/api/admin/orders", &customer.key).await, 403),
        (test.get("/api/orders/77", &customer.key).await, 404),
        (test.post("/api/orders", &customer.key, &json!({})).await, 400),
        (test.post("/api/billing/subscribe", &customer.key, &json!({ "planId": 99 })).await, 404),
        (admin(&test, "POST", "/api/admin/plans", &json!({ "name": "x" })).await, 400),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        let body = answer.json();
        assert_eq!(names(&body), ["error"]);
        assert!(body["error"].as_str().is_some_and(|text| text.len() > 5), "{body}");
    }
}
