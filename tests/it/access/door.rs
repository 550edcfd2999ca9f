//! The door: how a caller shows who it is, and what every answer carries.

use daybook::http::{route::Access, routes::ROUTES};
use daybook_events::event::Role::{self, Admin, Auditor, Finance, Member, Owner, SuperAdmin};

use super::operations::{Presented, knock, operations};
use crate::{
    bad_input::scene::{Scene, State},
    harness::TestApp,
};

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
async fn every_answer_carries_the_headers_that_keep_browsers_in_bounds() {
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(State::Fresh).await;
    let mut answers = Vec::new();
    for operation in operations() {
        for key in ["", "letmein", &customer.key, &scene.test.super_key] {
            let presented = Presented::bearer(key);
            answers.push(knock(&scene.test, &operation, &presented).await);
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
        assert_eq!(header("x-frame-options"), Some("DENY"), "{}", answer.text);
        assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{}", answer.text);
        assert!(header("permissions-policy").unwrap().contains("payment=()"), "{}", answer.text);
        assert_eq!(header("strict-transport-security"), None, "this server is reached by http");
        // What is tagged may be kept and asked about again; nothing else is kept.
        let kept = header("cache-control") != Some("no-store");
        assert!(!kept || header("etag").is_some(), "{}", answer.text);
        let public = header("cache-control").unwrap().contains("public");
        assert!(!public || answer.text.contains("hiddenFromBilling"), "{}", answer.text);
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

#[test]
fn the_processor_dialect_has_the_panels_roles() {
    for (verb, path, expected) in DIALECT {
        let found = ROUTES.iter().find(|route| route.verb == verb && route.path == path);
        let Some(route) = found else { panic!("{verb} {path} is not there") };
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
