//! What is somebody else's and what is nobody's look the same, byte for byte but for the request's
//! id: by every address with an id in it, and by every id in a body.

use std::collections::BTreeSet;

use daybook::http::{route::Route, routes::ROUTES};
use daybook_events::event::Role::SuperAdmin;
use serde_json::Value;

use super::{matrix::session, operations::Presented};
use crate::{
    bad_input::scene::{Names, Scene, State, fill, text},
    harness::Answered,
    idempotency::WRITES,
    webhooks,
};

/// An id of the same form that is nobody's.
fn nobodys(id: &str) -> String {
    let other = |c: char| match c {
        '0'..='9' => char::from(b'0' + b'9' - u8::try_from(c).unwrap()),
        'a'..='f' => char::from(b'a' + b'f' - u8::try_from(c).unwrap()),
        'A'..='Z' => char::from(b'A' + b'Z' - u8::try_from(c).unwrap()),
        _ => c,
    };
    match id.split_once('_') {
        Some((prefix, rest)) => format!("{prefix}_{}", rest.chars().map(other).collect::<String>()),
        None => id.chars().map(other).collect(),
    }
}

/// What the `{…}` of an address stand for, of somebody who has everything.
fn own_id(path: &str, name: &str) -> &'static str {
    match (path.split('/').nth(2), name) {
        (_, "invoice") => "{invoice}",
        (_, "order") => "{ord}",
        (_, "reservation") => "{reservation}",
        (_, "adjustment") => "{adjustment}",
        (_, "code") => "{code}",
        (_, "file") => "{invoice}.pdf",
        (Some("accounts"), _) => "{account}",
        (Some("keys"), _) => "{key}",
        (Some("sessions"), _) => "{session}",
        (Some("refunds"), _) => "{refund}",
        (Some("webhooks"), _) if path.contains("/deliveries/") => "{delivery}",
        (Some("webhooks"), _) => "{endpoint}",
        (Some("billing"), _) if path.contains("invoices") => "{invoice}",
        (Some("billing"), _) => "{sub}",
        _ => "{ord}",
    }
}

fn address(route: &Route, names: &Names) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|it| it.strip_suffix('}')) {
        Some(name) => own_id(route.path, name).to_owned(),
        None => part.to_owned(),
    };
    let path: Vec<_> = route.path.split('/').map(part).collect();
    fill(&path.join("/"), names)
}

/// What can be told from an answer, without the request's id and without the ids that were asked
/// for.
fn seen(answer: &Answered, names: &Names) -> (u16, String, String) {
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let mut text = answer.text.replace(id, "<request>");
    // Longest first: one name's value may be part of another's.
    let mut values: Vec<_> = names.values().filter(|value| value.len() > 8).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        text = text.replace(value.as_str(), "<id>");
    }
    (answer.status, answer.code(), text)
}

/// Somebody who has everything: an account, a refund, a key, a session, room set aside, …
async fn somebody(scene: &Scene) -> Names {
    let (customer, mut names) = scene.enter(State::Adjustable).await;
    names.extend(webhooks::api::names(&scene.test, &customer).await);
    let (_, refunded) = scene.enter(State::Refunded).await;
    names.insert("refund", refunded["refund"].clone());
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_shows_nothing_of_what_is_somebody_elses() {
    let scene = Scene::start().await;
    let theirs = somebody(&scene).await;
    let nobodys: Names = theirs.iter().map(|(name, id)| (*name, nobodys(id))).collect();
    let (customer, _) = scene.enter(State::Subscribed).await;
    let mut asked = 0;
    for route in ROUTES.iter().filter(|route| route.path.contains('{')) {
        let body = WRITES.iter().find(|row| (row.2, row.3) == (route.verb, route.path));
        for role in route.access.roles().iter().filter(|role| **role != SuperAdmin) {
            let key = scene.test.key(*role, Some(&customer.account_id)).await;
            let token = text(&session(&scene.test, *role, Some(&customer)).await["token"]);
            let mut shown = vec![Presented::bearer(&key)];
            if route.access.takes_sessions() {
                shown.push(Presented::bearer(&token));
            }
            let before = scene.test.log_position().await;
            for by in shown {
                let mut answers = Vec::new();
                for names in [&theirs, &nobodys] {
                    let body = route.takes.map(|_| {
                        let body = body.map_or("{}", |row| row.4);
                        fill(body, names).into_bytes()
                    });
                    let path = address(route, names);
                    let answer = scene.test.send(route.verb, &path, "", &by.headers(), body).await;
                    let asked = format!("{} {path} by {role:?}", route.verb);
                    assert_eq!(answer.status, 404, "{asked}: {}", answer.text);
                    answers.push(seen(&answer, names));
                }
                assert_eq!(answers[0], answers[1], "{} {} by {role:?}", route.verb, route.path);
                asked += 1;
            }
            assert_eq!(scene.test.log_position().await, before, "{} {}", route.verb, route.path);
        }
    }
    assert!(asked > 60, "{asked}");
}

/// Requests that name ids in their bodies, by an owner of another account.
const BODIES: &[(&str, &str)] = &[
    ("/api/keys", r#"{"role":"member","account_id":"{account}"}"#),
    ("/api/sessions", r#"{"user":"ada","role":"member","account_id":"{account}"}"#),
    (
        "/api/billing/checkout/confirm",
        r#"{"paymentId":"{payment}","orderId":"{order}","signature":"{signature}"}"#,
    ),
];

/// Fields of bodies that hold ids of what belongs to no account.
const EVERYBODYS: &[&str] = &["planId", "external_id", "paymentMethodId", "txId", "taxId"];

#[tokio::test(flavor = "multi_thread")]
async fn no_id_in_a_body_shows_anything_of_what_is_somebody_elses() {
    let scene = Scene::start().await;
    let (_, mut theirs) = scene.enter(State::Subscribed).await;
    theirs.insert("signature", "0".repeat(64));
    let nobodys: Names = theirs.iter().map(|(name, id)| (*name, nobodys(id))).collect();
    let (customer, _) = scene.enter(State::Subscribed).await;
    let before = scene.test.log_position().await;
    for (path, body) in BODIES {
        let mut answers = Vec::new();
        for names in [&theirs, &nobodys] {
            let body: Value = serde_json::from_str(&fill(body, names)).unwrap();
            let answer = scene.test.post(path, &customer.key, &body).await;
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
            answers.push(seen(&answer, names));
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
    assert_eq!(scene.test.log_position().await, before);
}

#[test]
fn every_body_that_names_an_id_is_tried() {
    let mut named = BTreeSet::new();
    let mut generator = schemars::SchemaGenerator::default();
    for route in ROUTES {
        let Some(takes) = &route.takes else { continue };
        // Whatever the super admin alone may call reaches every account.
        if route.access.roles().iter().all(|role| *role == SuperAdmin) {
            continue;
        }
        let reference = (takes.shape)(&mut generator).to_value();
        let name = reference["$ref"].as_str().and_then(|it| it.rsplit('/').next());
        let Some(name) = name else { continue };
        let shape = &generator.definitions()[name];
        let fields = shape["properties"].as_object().into_iter().flatten().map(|(name, _)| name);
        let ids = fields.filter(|name| name.ends_with("_id") || name.ends_with("Id"));
        for field in ids.filter(|name| !EVERYBODYS.contains(&name.as_str())) {
            named.insert((route.path, field.clone()));
        }
    }
    let tried = |path: &str, field: &str| {
        BODIES.iter().any(|(tried, body)| *tried == path && body.contains(field))
    };
    let missing: Vec<_> = named.iter().filter(|(path, field)| !tried(path, field)).collect();
    assert!(missing.is_empty(), "ids in bodies that nobody tries: {missing:?}");
    assert!(named.contains(&("/api/keys", "account_id".to_owned())), "{named:?}");
}
