//! Bodies that are not the JSON that was asked for.

use daybook::http::{route::Route, routes::ROUTES};
use serde_json::{Value, json};

use super::scene::{Scene, State, fill, refusal};
use crate::webhooks;

const SOUND: &str = r#"{"planId":"pro","billingCycle":"monthly"}"#;

fn bodies() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"planId":{open}{close}}}"#).into_bytes()
    };
    let many = format!(r#"{{"planId":[{}]}}"#, vec!["1"; 10_001].join(","));
    let mut large = SOUND.as_bytes().to_vec();
    large.resize(1024 * 1024 + 1, b' ');
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("nothing", text(""), "400 json_empty"),
        ("white space", text(" \n\t"), "400 json_empty"),
        ("an array", text("[]"), "400 json_shape"),
        ("an array of the fields", text(r#"["pro","monthly",null]"#), "400 json_shape"),
        ("a string", text(r#""pro""#), "400 json_shape"),
        ("null", text("null"), "400 json_shape"),
        ("a number for a text", text(r#"{"planId":2,"billingCycle":"monthly"}"#), "400 json_shape"),
        ("null for a text", text(r#"{"planId":null,"billingCycle":"monthly"}"#), "400 json_shape"),
        ("a missing field", text(r#"{"planId":"pro"}"#), "400 json_missing_field"),
        ("an unknown field", text(r#"{"planId":"pro","coupon":"x"}"#), "400 json_unknown_field"),
        ("a name of another case", text(r#"{"plan_id":"pro"}"#), "400 json_unknown_field"),
        ("a key twice", text(r#"{"planId":"pro","planId":"free"}"#), "400 json_duplicate_key"),
        (
            "a key twice by escape",
            text(r#"{"planId":"a","\u0070lanId":"b"}"#),
            "400 json_duplicate_key",
        ),
        ("a NUL by escape", text(r#"{"planId":"a\u0000"}"#), "400 json_nul"),
        ("a NUL", text("{\"planId\":\"a\0\"}"), "400 json_nul"),
        ("half a surrogate", text(r#"{"planId":"\ud800"}"#), "400 json_syntax"),
        ("not UTF-8", b"{\"planId\":\"\xff\"}".to_vec(), "400 json_not_utf8"),
        ("a byte order mark", text("\u{feff}{}"), "400 json_syntax"),
        ("trailing garbage", text(&format!("{SOUND}x")), "400 json_syntax"),
        ("two documents", text(&format!("{SOUND}{SOUND}")), "400 json_syntax"),
        ("half a document", text(r#"{"planId":"pro","#), "400 json_syntax"),
        ("a trailing comma", text(r#"{"planId":"pro",}"#), "400 json_syntax"),
        ("a form", text("planId=pro&billingCycle=monthly"), "400 json_syntax"),
        ("40 levels", nested(40), "400 json_too_deep"),
        ("half a million levels", nested(500_000), "400 json_too_deep"),
        ("10,001 values", many.into_bytes(), "400 json_too_large"),
        ("more than 1 MiB", large, "413 body_too_large"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_the_json_asked_for_is_refused_by_its_code() {
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(State::Fresh).await;
    let before = scene.test.log_position().await;
    for (name, body, expected) in bodies() {
        let answer = scene.ask(&customer, "POST /api/billing/checkout", Some(body)).await;
        assert_eq!(refusal(&answer, expected), Ok(()), "{name}");
    }
    assert_eq!(scene.test.log_position().await, before);
    // The customer is none the worse for it.
    scene.test.checkout(&customer, "pro").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_takes_a_body_is_as_strict() {
    let scene = Scene::start().await;
    let (customer, mut names) = scene.enter(State::Subscribed).await;
    names.extend(webhooks::api::names(&scene.test, &customer).await);
    let before = scene.test.log_position().await;
    let mut checked = 0;
    let takes_json =
        |route: &&Route| route.takes.is_some_and(|takes| takes.content == "application/json");
    // A processor's message is read by nobody before its signature holds.
    let of_ours = |route: &&Route| route.path != "/webhooks/{processor}";
    for route in ROUTES.iter().filter(takes_json).filter(of_ours) {
        let id = match () {
            () if route.path.starts_with("/api/accounts/") => "{account}",
            () if route.path.contains("invoices") => "{invoice}",
            () if route.path.contains("/deliveries/") => "{delivery}",
            () if route.path.contains("/webhooks/") => "{endpoint}",
            () => "{sub}",
        };
        let path = fill(&route.path.replace("{id}", id), &names);
        let request = format!("super {} {path}", route.verb);
        for (body, expected) in [
            ("[]", "400 json_shape"),
            ("{} {}", "400 json_syntax"),
            (r#"{"shoe":9}"#, "400 json_unknown_field"),
            (r#"{"shoe":9,"shoe":9}"#, "400 json_duplicate_key"),
            (r#"{"sh\u0000e":9}"#, "400 json_nul"),
        ] {
            let answer = scene.ask(&customer, &request, Some(body.into())).await;
            assert_eq!(refusal(&answer, expected), Ok(()), "{request} {body}");
        }
        checked += 1;
    }
    assert_eq!(checked, 61);
    assert_eq!(scene.test.log_position().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_repeats_little_of_what_came() {
    let scene = Scene::start().await;
    let (customer, _) = scene.enter(State::Subscribed).await;
    let long = "Ω".repeat(20_000);
    let bodies: [(&str, Value); 5] = [
        ("/api/billing/plan-change", json!({ "planId": long })),
        ("/api/billing/plan-change", json!({ "planId": 1, long.as_str(): 1 })),
        ("/api/billing/plan-change", json!({ "planId": "pro", "billingCycle": long })),
        ("/api/refunds", json!({ "amount": long, "reason": "r" })),
        ("/api/refunds", json!({ "amount": "1", "currency": long, "reason": "r" })),
    ];
    for (path, body) in bodies {
        let answer = scene.test.post(path, &customer.key, &body).await;
        assert!((400..500).contains(&answer.status), "{}", answer.text);
        assert!(answer.text.len() < 1_000, "{}", answer.text);
    }
}
