//! The panel dialect from outside: what its page documents, and what it does beyond.

mod apply_plan;
mod by_hand;
mod catalogue;
mod feature;
mod orders;
mod page;

use serde_json::{Value, json};

use crate::harness::{Answered, Customer, TestApp};

/// Sends JSON by any method.
async fn send(test: &TestApp, method: &str, path: &str, key: &str, body: &Value) -> Answered {
    test.send(method, path, key, &[], Some(body.to_string().into_bytes())).await
}

/// Asks as the super admin, for the whole ledger.
async fn admin(test: &TestApp, method: &str, path: &str, body: &Value) -> Answered {
    send(test, method, path, &test.super_key, body).await
}

async fn admin_get(test: &TestApp, path: &str) -> Value {
    test.get(path, &test.super_key).await.ok()
}

/// The customer orders a plan: the order.
async fn order(test: &TestApp, customer: &Customer, plan: &str) -> Value {
    let placed = test.post("/api/orders", &customer.key, &json!({ "planId": plan })).await.ok();
    placed["order"].clone()
}

/// The customer's order as it is now.
async fn order_now(test: &TestApp, customer: &Customer, order: &Value) -> Value {
    test.get(&format!("/api/orders/{}", order["id"]), &customer.key).await.ok()
}

/// A customer with the panel's own id.
async fn user(test: &TestApp, external_id: &str) -> Customer {
    let billing =
        json!({ "name": "Ada Lovelace", "email": "ada@engines.example", "country": "GB" });
    let body = json!({ "external_id": external_id, "currency": "USD", "billing": billing });
    let opened = admin(test, "POST", "/api/accounts", &body).await.ok();
    let account_id = opened["account_id"].as_str().unwrap().to_owned();
    let key = test.key(daybook_events::event::Role::Owner, Some(&account_id)).await;
    Customer { account_id, key }
}

/// The names of an object's fields.
fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}
