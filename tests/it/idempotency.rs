//! Idempotency keys: whatever a caller repeats, it happens once.

use std::collections::HashSet;

use daybook::http::routes::ROUTES;
use daybook_events::{
    Currency,
    commands::OpenAccount,
    ids::{AccountId, Id},
    personal::Personal,
};
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;

use crate::{
    bad_input::scene::{
        Names, Scene,
        State::{
            self, Adjustable, Cancelling, Fresh, Ordered, Owing, PanelAwaiting, PanelOrdered,
            Parked, PlanOnOffer, RefundedByHand, Subscribed,
        },
        fill,
    },
    harness::{Answered, Customer, TestApp},
};

/// The state, who asks (an account's owner, `super` or `ledger`), what, and another body.
pub(crate) type Row = (State, &'static str, &'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip]
pub(crate) const WRITES: [Row; 51] = [
    (Fresh, "owner", "PUT", "/api/accounts/{id}/billing", r#"{"name":"Ada","country":"GB"}"#, r#"{"name":"Bob","country":"GB"}"#),
    (RefundedByHand, "ledger", "POST", "/api/refunds/{id}/outcome", r#"{"outcome":"processed","reference":"t"}"#, r#"{"outcome":"failed","reference":"t"}"#),
    (Ordered, "ledger", "POST", "/api/admin/plans", r#"{"name":"{order}","type":"paid","price":5}"#, r#"{"name":"{order}","type":"paid","price":6}"#),
    (PlanOnOffer, "ledger", "PUT", "/api/admin/plans/{id}", r#"{"price":7.5,"revision":1}"#, r#"{"price":8}"#),
    (PlanOnOffer, "ledger", "DELETE", "/api/admin/plans/{id}", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/orders", r#"{"planId":3}"#, r#"{"planId":"pro"}"#),
    (PanelOrdered, "owner", "POST", "/api/orders/{id}/cancel", "{}", " {}"),
    (PanelOrdered, "owner", "POST", "/api/orders/{id}/checkout", r#"{"paymentMethodId":"manual"}"#, " {}"),
    (PanelAwaiting, "owner", "POST", "/api/orders/{id}/mark-sent", r#"{"txId":"t"}"#, "{}"),
    (Fresh, "ledger", "POST", "/api/admin/payment-methods", r#"{"methods":[{"id":"manual","type":"other","label":"a"}]}"#, r#"{"methods":[{"id":"manual","type":"other","label":"b"}]}"#),
    (Fresh, "ledger", "POST", "/api/admin/orders", r#"{"userId":"{account}","planId":3}"#, r#"{"userId":"{account}","planId":2}"#),
    (PanelOrdered, "ledger", "POST", "/api/admin/orders/{id}/confirm-payment", r#"{"txId":"t"}"#, "{}"),
    (PanelAwaiting, "ledger", "POST", "/api/admin/orders/{id}/reject-payment", "{}", r#"{"reason":"r"}"#),
    (Subscribed, "ledger", "POST", "/api/admin/users/{id}/apply-plan", r#"{"planId":"business"}"#, r#"{"planId":"starter"}"#),
    (Subscribed, "ledger", "POST", "/api/admin/users/{id}/cancel-plan", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/billing/subscribe", r#"{"planId":3}"#, r#"{"planId":2}"#),
    (Fresh, "ledger", "POST", "/api/admin/plans/{id}/reapply-limits", "{}", r#"{"force":true}"#),
    (Fresh, "ledger", "POST", "/api/accounts", r#"{"currency":"USD"}"#, r#"{"currency":"EUR"}"#),
    (Subscribed, "super", "PATCH", "/api/billing/subscription/{id}", r#"{"limits":{"max_servers":9}}"#, r#"{"limits":{"max_servers":8}}"#),
    (Fresh, "owner", "POST", "/api/billing/checkout", r#"{"planId":"pro","billingCycle":"monthly"}"#, r#"{"planId":"starter","billingCycle":"monthly"}"#),
    (Ordered, "owner", "POST", "/api/billing/checkout/confirm", r#"{"paymentId":"{payment}","orderId":"{order}","signature":"{signature}"}"#, r#"{"paymentId":"{payment_2}","orderId":"{order}","signature":"{signature_2}"}"#),
    (Subscribed, "owner", "POST", "/api/billing/plan-change", r#"{"planId":"business"}"#, r#"{"planId":"starter"}"#),
    (Subscribed, "owner", "POST", "/api/billing/cancel", "{}", r#"{"atPeriodEnd":false}"#),
    (Cancelling, "owner", "POST", "/api/billing/resume", "{}", " {}"),
    (Owing, "owner", "POST", "/api/billing/invoices/{id}/checkout", "{}", " {}"),
    (Subscribed, "owner", "POST", "/api/refunds", r#"{"reason":"r"}"#, r#"{"reason":"other"}"#),
    (Ordered, "ledger", "POST", "/api/coupons", r#"{"code":"{order}","percent":"5"}"#, r#"{"code":"{order}","percent":"6"}"#),
    (Adjustable, "ledger", "POST", "/api/coupons/{code}/withdraw", "{}", " {}"),
    (Subscribed, "ledger", "POST", "/api/accounts/{id}/usage", r#"{"limit":"max_servers","used":3}"#, r#"{"limit":"max_servers","used":4}"#),
    (Subscribed, "ledger", "POST", "/api/accounts/{id}/usage/reservations", r#"{"limit":"max_servers","quantity":1}"#, r#"{"limit":"max_servers","quantity":2}"#),
    (Adjustable, "ledger", "POST", "/api/accounts/{id}/usage/reservations/{reservation}/release", "{}", " {}"),
    (Fresh, "ledger", "POST", "/api/accounts/{id}/credit", r#"{"amount":"1","reason":"r"}"#, r#"{"amount":"2","reason":"r"}"#),
    (Owing, "ledger", "POST", "/api/accounts/{id}/invoices/{invoice}/write-off", r#"{"reason":"r"}"#, r#"{"reason":"other"}"#),
    (Owing, "ledger", "POST", "/api/accounts/{id}/invoices/{invoice}/credit-note", r#"{"reason":"r"}"#, r#"{"amount":"1","reason":"r"}"#),
    (Adjustable, "ledger", "POST", "/api/accounts/{id}/adjustments/{adjustment}/undo", r#"{"reason":"r"}"#, r#"{"reason":"other"}"#),
    (Ordered, "owner", "POST", "/api/accounts/{id}/orders/{order}/cancel", "{}", " {}"),
    (Parked, "ledger", "POST", "/api/accounts/{id}/release", r#"{"reason":"r"}"#, r#"{"reason":"other"}"#),
    (Ordered, "ledger", "POST", "/api/ledger/seller", r#"{"name":"{order}"}"#, r#"{"name":"other"}"#),
    (Subscribed, "owner", "DELETE", "/api/v1/billing/subscription", "{}", " {}"),
    (Cancelling, "owner", "POST", "/api/v1/billing/subscription/reactivate", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/v1/billing/checkout", r#"{"plan":"pro","success_url":"https://a.example/","cancel_url":"https://a.example/"}"#, r#"{"plan":"pro","success_url":"https://b.example/","cancel_url":"https://a.example/"}"#),
    (Subscribed, "super", "POST", "/api/v1/usage", r#"{"limit":"max_servers","used":3}"#, r#"{"limit":"max_servers","used":4}"#),
    (Subscribed, "super", "POST", "/api/v1/usage/reservations", r#"{"limit":"max_servers","quantity":1}"#, r#"{"limit":"max_servers","quantity":2}"#),
    (Adjustable, "super", "POST", "/api/v1/usage/reservations/{id}/release", "{}", " {}"),
    (Fresh, "ledger", "POST", "/api/ledger/policy", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/keys", r#"{"role":"member"}"#, r#"{"role":"admin"}"#),
    (Fresh, "owner", "POST", "/api/keys/{id}/rotate", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/keys/{id}/revoke", "{}", " {}"),
    (Fresh, "owner", "POST", "/api/sessions", r#"{"user":"ada","role":"member"}"#, r#"{"user":"bob","role":"member"}"#),
    (Fresh, "owner", "DELETE", "/api/sessions/{id}", "", " "),
    (Fresh, "ledger", "POST", "/api/ledger/tax-rules", r#"{"rates":[]}"#, r#"{"rates": []}"#),
];

/// Writes of the route table that append nothing under a key of the caller's; those that close
/// sessions are `DELETE /api/sessions/{id}` with another choice.
const OTHERS: [&str; 20] = [
    "/api/billing/plan-change/preview",
    "/api/ledger/clock",
    // A ledger has one row of periods for all, each closed once: `books.rs` asks twice.
    "POST /api/ledger/periods",
    "/sandbox/checkout/{id}/pay",
    // They write the sandbox's own books, under ids that are the same each time.
    "/sandbox/payments/{payment_id}/refund",
    "/sandbox/payments/{payment_id}/dispute",
    // A browser brings it; the payment's id makes it one.
    "/checkout/{id}/return",
    // A message is known by the digest of its bytes.
    "/webhooks/{processor}",
    // Read again, a message brings about nothing that the ledger knows.
    "/api/ledger/inbox/{id}/replay",
    "DELETE /api/sessions",
    "DELETE /api/sessions/me",
    // These append nothing: their keys are kept beside the webhooks (`webhooks/api.rs`).
    "POST /api/webhooks/endpoints",
    "PATCH /api/webhooks/endpoints/{id}",
    "DELETE /api/webhooks/endpoints/{id}",
    "/api/webhooks/endpoints/{id}/rotate-secret",
    "/api/webhooks/endpoints/{id}/test",
    "/api/webhooks/deliveries/{id}/resend",
    // It appends nothing either (`snapshot/served.rs`).
    "POST /api/ledger/snapshots",
    // What is deleted stays so.
    "DELETE /api/ledger/snapshots/{id}",
    // Off, it closes what the other rows try; a switch that changes nothing appends nothing.
    "/api/admin/features/billing",
];

/// An address of what a customer has.
pub(crate) fn address(path: &str, names: &Names) -> String {
    let id = match () {
        () if path.ends_with("/reapply-limits") => "pro",
        () if path.starts_with("/api/admin/plans/") => "{plan}",
        () if path.starts_with("/api/admin/users/") => "{account}",
        () if path.starts_with("/api/orders/") => "{ord}",
        () if path.starts_with("/api/admin/orders/") => "{ord}",
        () if path.starts_with("/api/accounts/") => "{account}",
        () if path.starts_with("/api/refunds/") => "{refund}",
        () if path.starts_with("/api/keys/") => "{key}",
        () if path.starts_with("/api/sessions/") => "{session}",
        () if path.contains("/reservations/{id}") => "{reservation}",
        () if path.contains("invoices") => "{open_invoice}",
        () => "{sub}",
    };
    let path = path.replace("{id}", id).replace("{invoice}", "{open_invoice}");
    fill(&path.replace("{order}", "{ord}"), names)
}

/// A row's request, ready to be sent.
pub(crate) struct Asked {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) api_key: String,
    /// The account that a ledger-wide key names.
    pub(crate) account: Option<String>,
    pub(crate) body: String,
}

pub(crate) fn asked(
    scene: &Scene,
    (customer, names): &(Customer, Names),
    (_, who, method, path, ..): &Row,
    body: &str,
) -> Asked {
    let path = address(path, names);
    let account = (*who == "super").then(|| customer.account_id.clone());
    let api_key = if *who == "owner" { &customer.key } else { &scene.test.super_key };
    Asked { method, path, api_key: api_key.clone(), account, body: fill(body, names) }
}

pub(crate) async fn send(
    scene: &Scene,
    entered: &(Customer, Names),
    row: &Row,
    body: &str,
    key: Option<&str>,
) -> Answered {
    let asked = asked(scene, entered, row, body);
    let mut headers = Vec::new();
    headers.extend(asked.account.as_deref().map(|account| ("daybook-account", account)));
    headers.extend(key.map(|key| ("idempotency-key", key)));
    let body = Some(asked.body.into_bytes());
    scene.test.send(asked.method, &asked.path, &asked.api_key, &headers, body).await
}

#[test]
fn every_write_there_is_is_tried() {
    let tried = |verb, path| {
        WRITES.iter().any(|(_, _, method, tried, ..)| (verb, path) == (*method, *tried))
    };
    for route in ROUTES.iter().filter(|route| route.verb != "GET") {
        let address = format!("{} {}", route.verb, route.path);
        let other = OTHERS.contains(&route.path) || OTHERS.contains(&address.as_str());
        assert_ne!(tried(route.verb, route.path), other, "{} {}", route.verb, route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_callers_with_one_key_bring_about_one_effect_and_hear_one_answer() {
    let scene = Scene::start().await;
    for (nth, row) in WRITES.iter().enumerate() {
        let (state, _, method, path, body, other) = row;
        let asked = format!("{method} {path}");
        // What one request without a key appends, by a customer in the same state.
        let control = scene.enter(*state).await;
        let before = scene.test.log_position().await;
        send(&scene, &control, row, body, None).await.ok();
        let effect = scene.test.log_position().await - before;
        assert!(effect > 0, "{asked}");

        let customer = scene.enter(*state).await;
        let key = format!("key-{nth}");
        let before = scene.test.log_position().await;
        let tries = (0..8).map(|_| send(&scene, &customer, row, body, Some(&key)));
        let mut answers = join_all(tries).await;
        assert_eq!(scene.test.log_position().await - before, effect, "{asked}");
        answers.push(send(&scene, &customer, row, body, Some(&key)).await);
        for answer in &answers {
            assert!((200..300).contains(&answer.status), "{asked}: {}", answer.text);
            assert_eq!(answer.text, answers[0].text, "{asked}");
            assert_eq!(answer.position(), answers[0].position(), "{asked}");
        }

        let reused = send(&scene, &customer, row, other, Some(&key)).await;
        reused.refused(422, "idempotency_key_reused");
        assert_eq!(scene.test.log_position().await - before, effect, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_keys_have_ten_thousand_effects() {
    const KEYS: usize = 10_000;
    const ACCOUNTS: usize = 50;
    let test = TestApp::start().await;
    let mut paths = Vec::new();
    for _ in 0..ACCOUNTS {
        let account = AccountId::from_uuid(uuid::Uuid::now_v7());
        test.submit(OpenAccount {
            account_id: account,
            external_id: None,
            currency: Currency::USD,
            zone: chrono_tz::Tz::UTC,
            billing: Personal::default(),
        })
        .await
        .unwrap();
        paths.push(format!("/api/accounts/{account}/credit"));
    }
    let before = test.log_position().await;
    let body = json!({ "amount": "1", "reason": "r" });
    let ask = async |nth: usize| {
        let (path, key) = (&paths[nth % ACCOUNTS], format!("key-{nth}"));
        test.post_keyed(path, &test.super_key, &key, &body).await.ok()
    };
    let tries = stream::iter(0..KEYS).map(ask).buffer_unordered(64);
    let effects: HashSet<_> = tries.map(|it| it["adjustment_id"].to_string()).collect().await;
    assert_eq!(effects.len(), KEYS);
    assert_eq!(test.log_position().await - before, i64::try_from(KEYS).unwrap());
    // Every hundredth once more: it has happened already.
    let again = stream::iter((0..KEYS).step_by(100)).map(ask).buffer_unordered(64);
    let again: HashSet<_> = again.map(|it| it["adjustment_id"].to_string()).collect().await;
    assert!(again.len() == KEYS / 100 && again.is_subset(&effects));
    assert_eq!(test.log_position().await - before, i64::try_from(KEYS).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_does_not_use_its_key_up() {
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(Fresh).await;
    let test = &scene.test;
    let checkout = "/api/billing/checkout";
    for refused in ["nope", "enterprise"] {
        let body = json!({ "planId": refused, "billingCycle": "monthly" });
        let answer = test.post_keyed(checkout, &customer.key, "k", &body).await;
        assert!(matches!(answer.status, 404 | 409), "{}", answer.text);
    }
    let body = json!({ "planId": "pro", "billingCycle": "monthly" });
    let first = test.post_keyed(checkout, &customer.key, "k", &body).await;
    let again = test.post_keyed(checkout, &customer.key, "k", &body).await;
    assert_eq!(first.text, again.text);
    first.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_may_use_the_same_key() {
    let scene = Scene::start().await;
    let body = json!({ "planId": "pro", "billingCycle": "monthly" });
    let mut orders = Vec::new();
    for _ in 0..2 {
        let (customer, _) = scene.enter(Fresh).await;
        let path = "/api/billing/checkout";
        let answer = scene.test.post_keyed(path, &customer.key, "same", &body).await.ok();
        orders.push(answer["orderId"].clone());
    }
    assert_ne!(orders[0], orders[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_call_is_refused_by_every_other_before_anything_happens() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, names) = scene.enter(Owing).await;
    let pay = fill("/api/billing/invoices/{open_invoice}/checkout", &names);
    test.post_keyed(&pay, &customer.key, "k", &json!({})).await.ok();
    let before = test.log_position().await;
    for (path, body) in [
        ("/api/billing/cancel", json!({})),
        ("/api/billing/plan-change", json!({ "planId": "business" })),
        ("/api/refunds", json!({ "reason": "r" })),
    ] {
        let answer = test.post_keyed(path, &customer.key, "k", &body).await;
        answer.refused(422, "idempotency_key_reused");
    }
    assert_eq!(test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_answer_is_the_first_one_whatever_has_happened_since() {
    let scene = Scene::start().await;
    let test = &scene.test;
    let (customer, _) = scene.enter(Subscribed).await;
    let change = json!({ "planId": "business" });
    let path = "/api/billing/plan-change";
    let first = test.post_keyed(path, &customer.key, "k", &change).await;
    let paid = test.pay(&first.json()["checkout"]).await;
    test.confirm(&customer, &paid).await;
    test.post("/api/billing/cancel", &customer.key, &json!({})).await.ok();
    let before = test.log_position().await;
    let again = test.post_keyed(path, &customer.key, "k", &change).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(test.log_position().await, before);
}
