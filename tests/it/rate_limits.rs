//! Rate limits over HTTP, on a clock that stands until it is moved.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use daybook::http::{
    forwarded::{Proxies, network},
    limits::{Allowances, Rates, Ticks},
};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::harness::{Answered, TestApp};

/// The time of the limits.
#[derive(Clone, Default)]
struct Hand(Arc<Mutex<Duration>>);

impl Hand {
    fn forward(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

/// A ledger with six requests a minute for each key, and three for each address without one.
async fn start() -> (TestApp, Hand) {
    limited(6, 3).await
}

async fn limited(credential: u32, anonymous: u32) -> (TestApp, Hand) {
    let hand = Hand::default();
    let now = hand.clone();
    let ticks = Ticks::new(1_777_593_600, move || *now.0.lock().unwrap());
    // The tests themselves stand in for a proxy that is trusted.
    let proxies = Proxies::new(vec![network("127.0.0.1").unwrap()]);
    let rates = Rates::new(Allowances { credential, anonymous }, ticks).trusting(proxies);
    (TestApp::start_limited(rates).await, hand)
}

const LIST: &str = "/api/accounts";

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_by_one_key_is_refused_and_leaves_everybody_else_answered() {
    let (test, hand) = start().await;
    let (flood, other) =
        (test.key(daybook_events::event::Role::Finance, None).await, &test.super_key);
    for _ in 0..6 {
        test.get(LIST, &flood).await.ok();
    }
    for _ in 0..20 {
        let refused = test.get(LIST, &flood).await;
        assert_eq!(refused.headers["retry-after"], "10");
        let error = refused.json()["error"].clone();
        assert_eq!(error["code"], "rate_limited");
        assert!(error["request_id"].is_string());
        refused.refused(429, "rate_limited");
    }
    test.get(LIST, other).await.ok();
    assert_eq!(test.get("/api/plans", "").await.status, 200);
    // One comes back in ten seconds, not all of them in a minute.
    hand.forward(10);
    test.get(LIST, &flood).await.ok();
    test.get(LIST, &flood).await.refused(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_one_caller_however_it_comes_and_wherever_it_may_not_go() {
    let (test, _) = start().await;
    let member = test.key(daybook_events::event::Role::Finance, None).await;
    for _ in 0..3 {
        test.get(LIST, &member).await.ok();
        let header = [("x-api-key", member.as_str())];
        let not_for_it = test.send("POST", LIST, "", &header, Some(b"{}".to_vec())).await;
        not_for_it.refused(403, "forbidden");
    }
    test.get(LIST, &member).await.refused(429, "rate_limited");
    // The address has used nothing of its own.
    for _ in 0..3 {
        assert_eq!(test.get("/api/plans", "").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_that_works_the_address_counts_and_whoever_guesses_learns_nothing() {
    let (test, _) = start().await;
    let guess = format!("dbk_{}", "a".repeat(46));
    test.get(LIST, &guess).await.refused(401, "unauthenticated");
    test.get("/nothing/here", "").await.refused(404, "not_found");
    assert_eq!(test.get("/api/plans", "").await.status, 200);
    for path in [LIST, "/nothing/here", "/api/plans"] {
        test.get(path, &guess).await.refused(429, "rate_limited");
    }
    // Nobody who has a key suffers from it, and nobody who asks how the server is.
    test.get(LIST, &test.super_key).await.ok();
    for _ in 0..10 {
        assert_eq!(test.get("/healthz", "").await.status, 200);
        assert_eq!(test.get("/readyz", "").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_counted_out_is_not_even_looked_up() {
    let (test, hand) = start().await;
    for _ in 0..6 {
        test.get(LIST, &test.super_key).await.ok();
    }
    test.get(LIST, &test.super_key).await.refused(429, "rate_limited");
    // Without the log nobody can look a key up.
    let mut owner = PgConnection::connect(&test.db.superuser_url).await.unwrap();
    let hide = format!("alter table {}.events rename to hidden", daybook_events::store::SCHEMA);
    crate::harness::run(&mut owner, &hide).await.unwrap();
    test.get(LIST, &test.super_key).await.refused(429, "rate_limited");
    hand.forward(10);
    test.get(LIST, &test.super_key).await.refused(503, "unavailable");
}

fn standing(answer: &Answered) -> [u64; 3] {
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .map(|name| answer.headers[name].to_str().unwrap().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_v1_tells_how_the_caller_stands() {
    let (test, _) = start().await;
    let key = &test.super_key;
    // 2026-05-01T00:00:00Z, and ten seconds for each request that is used.
    let began = 1_777_593_600;
    let plans = test.get("/api/v1/billing/plans", "").await;
    assert_eq!((plans.status, standing(&plans)), (200, [3, 2, began + 20]));
    let missing = test.get("/api/v1/nothing", "").await;
    assert_eq!((missing.status, standing(&missing)), (404, [3, 1, began + 40]));
    let nobody = test.get("/api/v1/billing/subscription", "letmein").await;
    assert_eq!((nobody.status, standing(&nobody)), (401, [3, 0, began + 60]));
    let refused = test.get("/api/v1/billing/plans", "").await;
    assert_eq!((refused.status, standing(&refused)), (429, [3, 0, began + 60]));
    assert_eq!(refused.headers["retry-after"], "20");
    let message = "too many requests: try again in 20 s";
    let body = json!({ "error": { "code": "RATE_LIMITED", "message": message } });
    assert_eq!(refused.json(), body);
    let keyed = test.get("/api/v1/billing/subscription", key).await;
    assert_eq!((keyed.status, standing(&keyed)), (400, [6, 5, began + 10]));
    // Other dialects do not say.
    let other = test.get(LIST, key).await;
    assert!(!other.headers.contains_key("x-ratelimit-limit"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_panel_is_told_in_its_own_words() {
    let (test, _) = start().await;
    for _ in 0..3 {
        assert_eq!(test.get("/api/plans", "").await.status, 200);
    }
    let refused = test.get("/api/plans", "").await;
    assert_eq!(
        (refused.status, refused.json()),
        (429, json!({ "error": "rate_limited", "retryAfter": 20 }))
    );
    assert_eq!(refused.headers["retry-after"], "20");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_limited_and_nothing_told_where_the_limits_are_off() {
    let (test, _) = limited(0, 0).await;
    for _ in 0..50 {
        let answer = test.get("/api/v1/billing/plans", "").await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("x-ratelimit-limit"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_caller_counts_for_itself() {
    let (test, _) = start().await;
    let from = async |forwarded: &str| {
        let headers = [("x-forwarded-for", forwarded)];
        test.send("GET", "/api/plans", "", &headers, None).await.status
    };
    for caller in ["198.51.100.1", "198.51.100.2"] {
        for _ in 0..3 {
            assert_eq!(from(caller).await, 200);
        }
        assert_eq!(from(caller).await, 429);
    }
    // Whatever a caller writes itself, the proxy's word comes last.
    assert_eq!(from("203.0.113.7, 198.51.100.2").await, 429);
    assert_eq!(from("203.0.113.7").await, 200);
}
