//! Who may call what: the route table, tried out with every key there is.

use std::time::{Duration, Instant};

use daybook::{
    credentials::ApiKey,
    http::routes::{Access, ROUTES, Route},
};
use daybook_events::{
    commands::{IssueKey, RevokeKey},
    event::{
        AccessEvent, Event,
        Role::{self, Admin, Auditor, Finance, Member, Owner, SuperAdmin},
    },
    ids::KeyId,
};
use serde_json::Value;

use crate::{
    bad_input::scene::{Names, Scene, State, fill},
    harness::{Answered, Customer, TestApp},
};

/// Calls a route on the customer's own things, with a body that no handler accepts: who gets past
/// the door is told without anything happening behind it.
async fn knock(test: &TestApp, route: &Route, names: &Names, key: &str) -> Answered {
    let path = fill(&route.path.replace("{id}", id_in(route.path)), names);
    let body = (route.verb != "GET").then(|| b"[]".to_vec());
    test.send(route.verb, &path, key, &[], body).await
}

fn id_in(path: &str) -> &'static str {
    match path.split('/').nth(2) {
        Some("accounts") => "{account}",
        Some("billing" | "v1") if path.contains("invoices") => "{invoice}",
        Some("v1") => "{reservation}",
        Some("billing") => "{sub}",
        Some("refunds") => "{refund}",
        Some("plans") => "pro",
        _ => "{order}",
    }
}

async fn standing() -> (Scene, Customer, Names) {
    let scene = Scene::start().await;
    let (customer, names) = scene.enter(State::Refunded).await;
    (scene, customer, names)
}

/// A key of a role that reaches the customer.
async fn key_of(test: &TestApp, role: Role, customer: &Customer) -> String {
    let reach = (role != SuperAdmin).then_some(customer.account_id.as_str());
    test.key(role, reach).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_in_the_roles_of_its_row_and_nobody_else() {
    let (scene, customer, names) = standing().await;
    let before = scene.test.log_position().await;
    let mut keys = Vec::new();
    for role in Role::ALL {
        keys.push((role, key_of(&scene.test, role, &customer).await));
    }
    for role in [Auditor, Finance] {
        keys.push((role, scene.test.key(role, None).await));
    }
    let appended = i64::try_from(keys.len()).unwrap();
    for route in ROUTES {
        for (role, key) in &keys {
            let answer = knock(&scene.test, route, &names, key).await;
            let let_in = match route.access {
                Access::Public => true,
                Access::Roles(roles) => roles.contains(role),
            };
            let asked = format!("{} {} by {role:?}: {}", route.verb, route.path, answer.text);
            assert!(answer.status < 500, "{asked}");
            if let_in {
                assert!(!matches!(answer.status, 401 | 403), "{asked}");
            } else {
                assert_eq!((answer.status, &*answer.code()), (403, "forbidden"), "{asked}");
            }
        }
    }
    assert_eq!(scene.test.log_position().await, before + appended);
}

/// A key that does not work any more, or not yet, with the name of why.
async fn dead_keys(test: &TestApp, customer: &Customer) -> Vec<(&'static str, String)> {
    let live = key_of(test, Owner, customer).await;
    let mut mistyped = live.clone();
    let last = if mistyped.ends_with('a') { 'b' } else { 'a' };
    mistyped.pop();
    mistyped.push(last);

    let make = async |expires_at| {
        let key = ApiKey::from_random(rand::random());
        let (prefix, hash) = (key.prefix().to_owned(), key.hash());
        let (label, role) = (String::new(), SuperAdmin);
        let command = IssueKey { label, role, reach: None, prefix, hash, expires_at };
        let receipt = test.submit(command).await.unwrap();
        let issued = receipt.events.iter().find_map(|recorded| match &recorded.event {
            Event::Access(AccessEvent::KeyIssued(issued)) => Some(issued.key_id),
            _ => None,
        });
        (key.reveal().to_owned(), issued.unwrap())
    };
    let now = test.clock.now();
    let (expired, _) = make(Some(now.plus_days(1))).await;
    let (revoked, revoked_id): (_, KeyId) = make(None).await;
    test.settle().await;
    // Both have worked: what refuses them below is what happened to them.
    for key in [&expired, &revoked] {
        assert_eq!(test.get("/api/accounts", key).await.status, 200);
    }
    test.submit(RevokeKey { key_id: revoked_id }).await.unwrap();
    test.settle().await;
    test.clock.set(now.plus_days(1));
    vec![
        ("none", String::new()),
        ("malformed", "letmein".to_owned()),
        ("mistyped", mistyped),
        ("unknown", ApiKey::from_random([7; 25]).reveal().to_owned()),
        ("expired", expired),
        ("revoked", revoked),
        ("upper case", live.to_uppercase()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_work_opens_public_routes_only_and_never_tells_why() {
    let (scene, customer, names) = standing().await;
    let keys = dead_keys(&scene.test, &customer).await;
    let before = scene.test.log_position().await;
    for route in ROUTES {
        for (name, key) in &keys {
            let answer = knock(&scene.test, route, &names, key).await;
            let asked = format!("{} {} with {name}: {}", route.verb, route.path, answer.text);
            if matches!(route.access, Access::Public) {
                assert!(!matches!(answer.status, 401 | 403 | 500..), "{asked}");
                continue;
            }
            assert_eq!((answer.status, &*answer.code()), (401, "unauthenticated"), "{asked}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer", "{asked}");
            assert_eq!(answer.message(), "the request needs an API key that works", "{asked}");
        }
    }
    assert_eq!(scene.test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_account_finds_nothing_here() {
    let (scene, _, names) = standing().await;
    let (other, _) = scene.enter(State::Fresh).await;
    let before = scene.test.log_position().await;
    let mut checked = 0;
    for route in ROUTES.iter().filter(|route| route.path.contains("{id}")) {
        let Access::Roles(roles) = route.access else { continue };
        for role in roles.iter().filter(|role| **role != SuperAdmin) {
            let key = key_of(&scene.test, *role, &other).await;
            let path = fill(&route.path.replace("{id}", id_in(route.path)), &names);
            let answer = scene.test.send(route.verb, &path, &key, &[], None).await;
            assert_eq!(answer.status, 404, "{} {path} by {role:?}: {}", route.verb, answer.text);
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
    assert_eq!(scene.test.log_position().await, before + checked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_comes_as_bearer_or_as_x_api_key() {
    let test = TestApp::start().await;
    let key = &test.super_key;
    let bearer = format!("Bearer {key}");
    let (lower, basic, bare) =
        (format!("bearer {key}"), format!("Basic {key}"), format!("Bearer{key}"));
    for (headers, status) in [
        (vec![("authorization", bearer.as_str())], 200),
        (vec![("authorization", lower.as_str())], 200),
        (vec![("x-api-key", key.as_str())], 200),
        (vec![("authorization", "Bearer letmein"), ("x-api-key", key.as_str())], 401),
        (vec![("authorization", basic.as_str())], 401),
        (vec![("authorization", bare.as_str())], 401),
        (vec![("authorization", key.as_str())], 401),
        (vec![("x-api-key", bearer.as_str())], 401),
        (vec![("cookie", key.as_str())], 401),
    ] {
        let answer = test.send("GET", "/api/accounts", "", &headers, None).await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let answer = test.get(&format!("/api/accounts?api_key={key}"), "").await;
    assert_eq!(answer.status, 401, "a key in an address ends in logs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_by_the_command_line_works_at_once_and_stops_when_revoked_there() {
    let test = TestApp::start().await;
    let args = ["--output", "json", "key", "create", "--role", "auditor", "--label", "audit"];
    let (exit, out, err) = test.db.daybook(&args).await;
    assert_eq!(exit, 0, "{err}");
    let created: Value = serde_json::from_str(&out).unwrap();
    let key = created["key"].as_str().unwrap();
    test.get("/api/accounts", key).await.ok();

    let (exit, _, err) =
        test.db.daybook(&["key", "revoke", created["key_id"].as_str().unwrap()]).await;
    assert_eq!(exit, 0, "{err}");
    let revoked = Instant::now();
    while test.get("/api/accounts", key).await.status != 401 {
        assert!(revoked.elapsed() < Duration::from_secs(10), "the key still works");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_that_keep_browsers_in_bounds() {
    let (scene, customer, names) = standing().await;
    let mut answers = Vec::new();
    for route in ROUTES {
        for key in ["", "letmein", &customer.key, &scene.test.super_key] {
            answers.push(knock(&scene.test, route, &names, key).await);
        }
    }
    answers.push(scene.test.get("/nothing/here", "").await);
    answers.push(scene.test.send("DELETE", "/healthz", "", &[], None).await);
    let large = Some(vec![b' '; 2_000_000]);
    let checkout = "/api/billing/checkout";
    answers.push(scene.test.send("POST", checkout, &customer.key, &[], large).await);
    assert_eq!(answers.last().unwrap().status, 413);

    let mut ids = std::collections::HashSet::new();
    let mut statuses = std::collections::BTreeSet::new();
    for answer in &answers {
        let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{}", answer.text);
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{}", answer.text);
        assert_eq!(header("cache-control"), Some("no-store"), "{}", answer.text);
        let policy = header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("script"), "{policy}");
        assert!(ids.insert(header("x-request-id").unwrap()), "a request id came twice");
        statuses.insert(answer.status);
    }
    for status in [200, 400, 401, 403, 404, 405, 413] {
        assert!(statuses.contains(&status), "{status} was not seen: {statuses:?}");
    }
}

/// The panel's roles in the processor dialect, as its documentation lists them
/// (`GET …` · `Role: Owner · Admin`): no role there means anybody with a session, and Super Admin
/// is none of an account's own people.
const DIALECT: [(&str, &str, &[Role]); 11] = [
    ("GET", "/api/billing/subscription/me", &[Owner, Admin, Member]),
    ("GET", "/api/billing/subscription", &[]),
    ("GET", "/api/billing/subscription/{id}", &[]),
    ("PATCH", "/api/billing/subscription/{id}", &[]),
    ("POST", "/api/billing/checkout", &[Owner, Admin]),
    ("POST", "/api/billing/checkout/confirm", &[Owner, Admin]),
    ("POST", "/api/billing/plan-change", &[Owner, Admin]),
    ("POST", "/api/billing/cancel", &[Owner, Admin]),
    ("POST", "/api/billing/resume", &[Owner, Admin]),
    ("GET", "/api/billing/invoices/{id}/pdf", &[Owner, Admin]),
    ("GET", "/api/billing/payments/export", &[Owner, Admin]),
];

/// Addresses of the dialect that nobody has built yet.
const NOT_YET: [&str; 1] = ["/api/billing/invoices/{id}/pdf"];

#[test]
fn the_processor_dialect_has_the_panels_roles() {
    for (verb, path, expected) in DIALECT {
        let found = ROUTES.iter().find(|route| route.verb == verb && route.path == path);
        assert_eq!(found.is_none(), NOT_YET.contains(&path), "{verb} {path}");
        let Some(route) = found else { continue };
        let Access::Roles(roles) = route.access else { panic!("{path} is public") };
        let people: Vec<_> =
            [Owner, Admin, Member].into_iter().filter(|role| roles.contains(role)).collect();
        assert_eq!(people, expected, "{verb} {path}");
        // Beyond the panel's table: the super admin acts for any account, and those who audit or
        // count the money may read.
        assert!(roles.contains(&SuperAdmin), "{verb} {path}");
        let reads = verb == "GET";
        for reader in [Auditor, Finance] {
            assert_eq!(roles.contains(&reader), reads, "{verb} {path} by {reader:?}");
        }
    }
}
