//! Addresses, methods, queries and headers that are wrong.

use std::collections::BTreeSet;

use daybook::http::{route::Route, routes::ROUTES};
use reqwest::header::HeaderValue;
use serde_json::json;

use super::scene::{Scene, State, refusal};
use crate::harness::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_there_is_not_found_with_or_without_a_key() {
    let test = TestApp::start().await;
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/billing",
        "/api/billing/subscription/",
        "/api/billing//checkout",
        "/api/billing/checkout/",
        "/API/plans",
        "/api/accounts/x/y",
        "/api/plans/%00",
        "/api/plans/nope",
        "/sandbox/checkout/order_nope",
        "/favicon.ico",
        "/../etc/passwd",
    ] {
        for key in ["", &test.super_key] {
            let answer = test.get(path, key).await;
            assert_eq!(refusal(&answer, "404 not_found"), Ok(()), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_an_address_does_not_take_is_refused_with_those_that_it_does() {
    let test = TestApp::start().await;
    for route in ROUTES {
        // `…/me` is an address of its own, though it fits the pattern of `…/{id}` as well.
        let own = |it: &&Route| it.path == route.path;
        let mut allowed: BTreeSet<_> = ROUTES.iter().filter(own).map(|it| it.verb).collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        allowed.insert("OPTIONS");
        let path = route.path.replace("{id}", "x");
        for method in ["DELETE", "PUT", "TRACE", "PATCH", "POST", "GET"] {
            if allowed.contains(method) {
                continue;
            }
            let answer = test.send(method, &path, "", &[], None).await;
            let expected = "405 method_not_allowed";
            assert_eq!(refusal(&answer, expected), Ok(()), "{method} {path}");
            let said = answer.headers["allow"].to_str().unwrap();
            let expected: Vec<_> = allowed.iter().copied().collect();
            assert_eq!(said, expected.join(", "), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_makes_no_sense_is_refused() {
    const EXPORT: &str = "/api/billing/payments/export";
    const LIST: &str = "/api/accounts";
    let scene = Scene::start().await;
    for (path, query) in [
        (LIST, "limit=0"),
        (LIST, "limit=201"),
        (LIST, "limit=-1"),
        (LIST, "limit=ten"),
        (LIST, "limit=1e2"),
        (LIST, "limit="),
        (LIST, "limit=99999999999999999999"),
        ("/api/billing/subscription", "limit=0"),
        (LIST, "min_position=x"),
        (LIST, "min_position=1.5"),
        (LIST, "min_position=99999999999999999999"),
        (LIST, "limit=1&limit=2"),
        (LIST, "limit=1&l%69mit=1"),
        (LIST, "after=a%00b"),
        (EXPORT, "from=2026-05-02&to=2026-05-01"),
        (EXPORT, "from=2026-05-01T00:00:01Z&to=2026-05-01T00:00:00Z"),
        (EXPORT, "from=May"),
        (EXPORT, "to=2026-13-01"),
        (EXPORT, "to=2026-02-30"),
        (EXPORT, "from=2026-05-01T00:00:00"),
        (EXPORT, "from=2026-05-01%2000:00"),
        (EXPORT, "from="),
        (EXPORT, "from=1777593600"),
    ] {
        let answer = scene.test.get(&format!("{path}?{query}"), &scene.test.super_key).await;
        assert_eq!(refusal(&answer, "400 invalid_request"), Ok(()), "{path}?{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_is_far_off_is_waited_for_in_vain_and_not_for_long() {
    let test = TestApp::start().await;
    let started = std::time::Instant::now();
    let answer = test.get("/api/accounts?min_position=1000000", &test.super_key).await;
    assert_eq!(refusal(&answer, "503 position_not_reached"), Ok(()));
    assert_eq!(answer.headers["retry-after"], "1");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    let reached = test.log_position().await;
    let shown = test.get(&format!("/api/accounts?min_position={reached}"), &test.super_key).await;
    assert_eq!(shown.position(), reached);
    shown.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_printable_and_of_moderate_length() {
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(State::Fresh).await;
    let before = scene.test.log_position().await;
    let long = "k".repeat(256);
    let keys: [&[u8]; 6] =
        [b"", long.as_bytes(), b"two words", b"tab\tbed", "clé".as_bytes(), b"\xff\xfe"];
    for key in keys {
        let request = scene
            .test
            .client
            .post(format!("{}/api/billing/checkout", scene.test.url))
            .bearer_auth(&customer.key)
            .header("idempotency-key", HeaderValue::from_bytes(key).unwrap())
            .json(&json!({ "planId": "pro", "billingCycle": "monthly" }));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 400, "{key:?}");
        let body = answer.text().await.unwrap();
        assert!(body.contains("idempotency_key_invalid"), "{body}");
    }
    assert_eq!(scene.test.log_position().await, before);
    let body = json!({ "planId": "pro", "billingCycle": "monthly" });
    let longest = "k".repeat(255);
    let answer =
        scene.test.post_keyed("/api/billing/checkout", &customer.key, &longest, &body).await;
    answer.ok();
}
