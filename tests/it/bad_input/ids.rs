//! Ids of somebody else: they look exactly like ids of nobody.

use daybook_events::event::Role;
use serde_json::Value;

use super::scene::{Scene, State, fill, text};
use crate::harness::Answered;

/// What can be told from a refusal when the id that was asked for is left out.
fn seen(answer: &Answered, id: &str) -> (u16, String, String) {
    let message = text(&answer.json()["error"]["message"]).replace(id, "<id>");
    (answer.status, answer.code(), message)
}

/// Requests with `<whose>` for the part that differs, and the status of both.
const BY_READER: &[&str] = &[
    "GET /api/billing/subscription/{<whose>_sub}",
    "GET /api/refunds/{<whose>_refund}",
    "GET /api/accounts/{<whose>_account}",
    "GET /api/accounts/{<whose>_account}/subscriptions",
    "GET /api/accounts/{<whose>_account}/orders",
    "GET /api/accounts/{<whose>_account}/invoices",
    "GET /api/accounts/{<whose>_account}/payments",
    "GET /api/accounts/{<whose>_account}/refunds",
    "GET /api/accounts/{<whose>_account}/usage",
];
const BY_OWNER: &[&str] = &[
    "GET /api/refunds/{<whose>_refund}",
    "GET /api/accounts/{<whose>_account}",
    "GET /api/accounts/{<whose>_account}/payments",
    "POST /api/accounts/{<whose>_account}/orders/{order}/cancel",
    "POST /api/billing/invoices/{<whose>_invoice}/checkout",
    "super GET /api/billing/subscription/{<whose>_sub}",
    "super PATCH /api/billing/subscription/{<whose>_sub}",
    "super GET /api/refunds/{<whose>_refund}",
    "super POST /api/billing/invoices/{<whose>_invoice}/checkout",
];

async fn look_the_same(scene: &Scene, requests: &[&str], reads_only: bool) {
    let (mut customer, names) = scene.enter(State::Subscribed).await;
    if reads_only {
        customer.key = scene.reader_of(&customer).await;
    }
    let before = scene.test.log_position().await;
    for request in requests {
        let mut answers = Vec::new();
        for whose in ["foreign", "missing"] {
            let request = fill(&request.replace("<whose>", whose), &names);
            let id = request.split('/').find(|part| part.contains('_')).unwrap();
            let body = request.contains("PATCH").then(|| br#"{"planId":"free"}"#.to_vec());
            let answer = scene.ask(&customer, &request, body).await;
            assert_eq!(answer.status, 404, "{request}: {}", answer.text);
            answers.push(seen(&answer, id));
        }
        assert_eq!(answers[0], answers[1], "{request}");
    }
    assert_eq!(scene.test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_looks_like_what_is_not_there() {
    let scene = Scene::start().await;
    look_the_same(&scene, BY_READER, true).await;
    look_the_same(&scene, BY_OWNER, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_somebody_elses_looks_like_none_even_with_its_signature() {
    let scene = Scene::start().await;
    let (customer, names) = scene.enter(State::Fresh).await;
    let before = scene.test.log_position().await;
    let mut answers = Vec::new();
    for order in ["{foreign_order}", "{missing_order}"] {
        let body = format!(
            r#"{{"paymentId":"{{foreign_payment}}","orderId":"{order}","signature":"{{foreign_signature}}"}}"#
        );
        let body = fill(&body, &names).into_bytes();
        let request = "POST /api/billing/checkout/confirm";
        let answer = scene.ask(&customer, request, Some(body)).await;
        answers.push(seen(&answer, &fill(order, &names)));
    }
    assert_eq!(answers[0].1, "order_unknown");
    assert_eq!(answers[0], answers[1]);
    assert_eq!(scene.test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_account_names_no_other_by_its_header() {
    let scene = Scene::start().await;
    let (customer, names) = scene.enter(State::Subscribed).await;
    let before = scene.test.log_position().await;
    for (method, path, body) in [
        ("GET", "/api/billing/subscription/me", None),
        ("GET", "/api/billing/payments/export", None),
        ("POST", "/api/billing/cancel", None),
        ("POST", "/api/billing/resume", None),
        ("POST", "/api/refunds", Some(br#"{"reason":"r"}"#.to_vec())),
    ] {
        for whose in ["{foreign_account}", "{missing_account}"] {
            let headers = [("daybook-account", &*fill(whose, &names))];
            let answer = scene.test.send(method, path, &customer.key, &headers, body.clone()).await;
            answer.refused(403, "account_header_refused");
        }
        for wrong in ["", "acc_", "me", "acc_ZZ", &names["sub"]] {
            let headers = [("daybook-account", wrong)];
            let answer = scene.test.send(method, path, &customer.key, &headers, body.clone()).await;
            answer.refused(404, "not_found");
        }
    }
    assert_eq!(scene.test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_wide_key_that_names_a_missing_account_finds_nothing() {
    let scene = Scene::start().await;
    let missing = scene.others["missing_account"].clone();
    let headers = [("daybook-account", missing.as_str())];
    let before = scene.test.log_position().await;
    for (method, path, body, code) in [
        ("GET", "/api/billing/subscription/me", "", "no_subscription"),
        ("POST", "/api/billing/cancel", "", "account_unknown"),
        ("POST", "/api/billing/plan-change", r#"{"planId":"pro"}"#, "account_unknown"),
        ("POST", "/api/refunds", r#"{"reason":"r"}"#, "account_unknown"),
        ("POST", "/api/refunds", r#"{"reason":"r","amount":"1"}"#, "account_unknown"),
    ] {
        let body = (!body.is_empty()).then(|| body.as_bytes().to_vec());
        let key = &scene.test.super_key;
        scene.test.send(method, path, key, &headers, body).await.refused(404, code);
    }
    assert_eq!(scene.test.log_position().await, before);
}

/// An account header that is no text must not turn a question about one account into one about
/// all of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_header_that_is_no_text_is_not_overlooked() {
    let scene = Scene::start().await;
    for path in ["/api/billing/subscription", "/api/billing/payments/export", "/api/accounts"] {
        let header = reqwest::header::HeaderValue::from_bytes(b"acc_\xff").unwrap();
        let url = format!("{}{path}", scene.test.url);
        let request = scene.test.client.get(url).bearer_auth(&scene.test.super_key);
        let answer = request.header("daybook-account", header).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_account_lists_nothing_of_another() {
    let scene = Scene::start().await;
    let (customer, names) = scene.enter(State::Refunded).await;
    let foreign: Vec<_> = names.iter().filter(|(name, _)| name.starts_with("foreign_")).collect();
    for role in [Role::Auditor, Role::Finance] {
        let key = scene.test.key(role, Some(&customer.account_id)).await;
        for path in ["/api/accounts", "/api/billing/subscription", "/api/billing/payments/export"] {
            let answer = scene.test.get(path, &key).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(answer.text.contains(&customer.account_id), "{path}: {}", answer.text);
            for (name, id) in &foreign {
                assert!(!answer.text.contains(id.as_str()), "{path} shows {name}");
            }
            if path != "/api/billing/payments/export" {
                let rows: Value = answer.json()["data"].clone();
                assert_eq!(rows.as_array().unwrap().len(), 1, "{path}: {rows}");
            }
        }
    }
}
